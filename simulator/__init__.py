"""An exchange that speaks Binance's spot protocol: for the demo, for tests, for faults on request and for benchmarks.

The market is invented and deterministic by seed. docs/adr/0003-simulator.md lists what is modelled and what is not.
"""
