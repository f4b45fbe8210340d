"""Authentication of callers: access tokens, revocations, tickets and the rules for browsers."""
