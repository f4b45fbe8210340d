"""Trades as they are stored, for the tests of the tape."""

from services.market.trade_msg import TradeMsg

HOUR_MS = 3_600_000
START_MS = 1_767_225_600_000


def trade(symbol: str, trade_id: int, made_ms: int) -> TradeMsg:
    return TradeMsg(
        e="aggTrade",
        E=made_ms,
        s=symbol,
        a=trade_id,
        p="68123.45",
        q="0.0125",
        f=trade_id,
        l=trade_id,
        T=made_ms,
        m=False,
        receive_time=made_ms + 60,
        src="simulator",
    )
