"""The vocabulary that services share: symbols, exact decimals, messages, and the names of channels, keys and topics.

Pure: the standard library and msgspec. What is written here is a contract (docs/contracts.md).
"""
