"""Clients of authorization, aggregator and dashboard, and the leases of what our websockets follow."""
