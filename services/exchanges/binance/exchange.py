"""Binance spot market data, as an `Exchange`."""

from services.exchanges.binance import payloads, rest, streams
from services.exchanges.binance.limits import LIMITS
from services.exchanges.errors import InvalidSymbolError
from services.market.symbols import normal_symbol


class Binance:
    """Implements `Exchange`."""

    limits = LIMITS

    stream_url = staticmethod(streams.stream_url)
    subscribe = staticmethod(streams.subscribe)
    unsubscribe = staticmethod(streams.unsubscribe)
    stream_bytes = staticmethod(streams.stream_bytes)
    parse = staticmethod(streams.parse)

    symbols_request = staticmethod(rest.symbols_request)
    parse_symbols = staticmethod(rest.parse_symbols)
    trades_request = staticmethod(rest.trades_request)
    parse_trades = staticmethod(rest.parse_trades)
    time_request = staticmethod(rest.time_request)
    parse_time = staticmethod(rest.parse_time)
    klines_request = staticmethod(rest.klines_request)
    parse_klines = staticmethod(rest.parse_klines)
    is_unknown_symbol = staticmethod(rest.is_unknown_symbol)
    refusal = staticmethod(rest.refusal)
    used_weight = staticmethod(rest.used_weight)

    decode_trade = staticmethod(payloads.decode_trade)
    decode_tickers = staticmethod(payloads.decode_tickers)

    def normalize_symbol(self, text: str) -> str:
        symbol = normal_symbol(text)
        if symbol is None:
            raise InvalidSymbolError(f"{text[:50]!r} cannot be a symbol")
        return symbol
