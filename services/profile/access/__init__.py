"""Who is calling: access tokens, revocations, tickets and the rules for browsers."""
