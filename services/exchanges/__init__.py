"""Exchanges: the interface that services use, and one package for each exchange that implements it."""
