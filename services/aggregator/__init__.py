"""Raw exchange frames in; the last price of every symbol out, once a second, to Redis.

A price travels: `ticker_feed`/`trade_feed` (from socket) → `intake` → `prices` → `publisher` → `redis`.
Interest travels: `http` → `follows` → `followers` → `trade_feed` (to socket).
"""
