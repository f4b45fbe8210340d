"""The engine behind the websockets: feed, latest prices, documents, fan-out, push, admission and re-reading."""
