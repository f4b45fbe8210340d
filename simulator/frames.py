"""Bytes on the wire: event payloads as Binance writes them, and unmasked websocket text frames around them.

Payload shapes: Binance "WebSocket Streams", Aggregate Trade Streams and Individual Symbol Mini Ticker Stream.
Frame layout: RFC 6455, section 5.2.
"""

from simulator.decimals import plain
from simulator.market import Ticker, Trade

_FINAL_TEXT = 0x81


def agg_trade(trade: Trade) -> bytes:
    """The payload of `<symbol>@aggTrade`."""
    maker = "true" if trade.buyer_is_maker else "false"
    return (
        f'{{"e":"aggTrade","E":{trade.event_ms},"s":"{trade.symbol}","a":{trade.id},"p":"{plain(trade.price)}",'
        f'"q":"{plain(trade.quantity)}","f":{trade.first_fill_id},"l":{trade.last_fill_id},"T":{trade.time_ms},'
        f'"m":{maker},"M":true}}'
    ).encode()


def mini_ticker(ticker: Ticker) -> bytes:
    """The payload of `<symbol>@miniTicker`, and one element of `!miniTicker@arr`."""
    return (
        f'{{"e":"24hrMiniTicker","E":{ticker.event_ms},"s":"{ticker.symbol}","c":"{plain(ticker.close)}",'
        f'"o":"{plain(ticker.open)}","h":"{plain(ticker.high)}","l":"{plain(ticker.low)}",'
        f'"v":"{plain(ticker.volume)}","q":"{plain(ticker.quote_volume)}"}}'
    ).encode()


def server_shutdown(event_ms: int) -> bytes:
    return f'{{"e":"serverShutdown","E":{event_ms}}}'.encode()


def wrapped(stream: str, payload: bytes) -> bytes:
    """The payload as a combined connection gets it."""
    return b'{"stream":"%b","data":%b}' % (stream.encode(), payload)


def text_frame(payload: bytes) -> bytes:
    """One whole unfragmented text frame, header and payload in one piece."""
    size = len(payload)
    if size < 126:
        return bytes((_FINAL_TEXT, size)) + payload
    if size < 65_536:
        return bytes((_FINAL_TEXT, 126)) + size.to_bytes(2) + payload
    return bytes((_FINAL_TEXT, 127)) + size.to_bytes(8) + payload
