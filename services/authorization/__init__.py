"""Accounts, sessions and tokens, over gRPC (proto/auth.proto). The decisions: docs/adr/0002-sessions-and-tokens.md."""
