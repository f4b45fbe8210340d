"""The kit every service stands on: settings, logs, lifecycle, health, metrics, gRPC, database, Redis, backoff.

It knows no business words, and no service.
"""
