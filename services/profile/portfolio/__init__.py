"""Portfolios: the rules of quantities and symbols, and the store."""
