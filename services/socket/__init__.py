"""The exchange proxy: few connections to the exchange, raw frames to any number of gRPC subscribers.

A trade's way through it: `link` reads the frame, `binance` unwraps it, `feed` puts it in its symbol's `sequence`,
`hub` hands it to each subscriber's queue, `servicer` writes the queue to the call.
"""
