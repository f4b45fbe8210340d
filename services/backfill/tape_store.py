"""The tape in ClickHouse as its repair uses it: what has come lately, what an hour holds, gaps, and the ledger."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from services.backfill.clickhouse import ClickHouse
from services.backfill.tape import Coverage, Gap, HourKey, Seen
from services.market.symbols import normal_symbol
from services.market.trade_msg import TradeMsg

MAX_GAPS = 1_000
"""Found at once; further ones are found when these are filled."""
_HOUR_S = 3_600
_TRADES = (
    "symbol, trade_id, price, quantity, first_id, last_id, event_time, trade_time, buyer_is_maker, receive_time, "
    "source, filled"
)
_LEDGER = "source, symbol, hour, first_id, last_id, present, filled, missing, reason, settled_until"

_TOUCHED = (
    "SELECT symbol, toUnixTimestamp(toStartOfHour(trade_time)) AS hour, toUnixTimestamp64Milli(max(inserted_at)) "
    "FROM trades WHERE source = {source:String} AND inserted_at >= fromUnixTimestamp64Milli({since:Int64}, 'UTC') "
    "GROUP BY symbol, hour ORDER BY hour, symbol"
)
_PENDING = (
    "SELECT symbol, toUnixTimestamp(hour) FROM trade_coverage FINAL "
    "WHERE source = {source:String} AND reason LIKE '%pending%' ORDER BY hour, symbol"
)
_SETTLED_MS = "SELECT toUnixTimestamp64Milli(max(settled_until)) FROM trade_coverage WHERE source = {source:String}"
_IN_HOUR = (
    "source = {source:String} AND trade_time >= toDateTime({start:UInt32}, 'UTC') "
    "AND trade_time < toDateTime({end:UInt32}, 'UTC')"
)
_SEEN = (
    "SELECT symbol, min(trade_id), max(trade_id), uniqExact(trade_id), "  # noqa: S608 - our own words
    "uniqExact(trade_id) - uniqExactIf(trade_id, NOT filled) "
    f"FROM trades WHERE {_IN_HOUR} AND symbol IN {{symbols:Array(String)}} GROUP BY symbol"
)
_BEFORE = (
    "SELECT trade_id FROM trades WHERE source = {source:String} AND symbol = {symbol:String} "
    "AND trade_id < {id:Int64} ORDER BY trade_id DESC LIMIT 1"
)
_GAPS = (
    "SELECT before, trade_id FROM (SELECT trade_id, "  # noqa: S608 - our own words
    "lagInFrame(trade_id, 1, {before:Int64}) OVER "
    "(ORDER BY trade_id ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS before FROM (SELECT DISTINCT trade_id "
    f"FROM trades WHERE {_IN_HOUR} AND symbol = {{symbol:String}})) "
    "WHERE trade_id > before + 1 ORDER BY trade_id LIMIT {most:UInt32}"
)


@dataclass(slots=True)
class TapeStore:
    """The tape of one `source`. Every call is idempotent and has a deadline; its errors are those of `ClickHouse`."""

    clickhouse: ClickHouse
    source: str

    async def touched(self, since_ms: int) -> tuple[list[HourKey], int]:
        """The hours with rows inserted since (by the server's clock), and when the newest of these came, or since."""
        rows = await self._rows(_TOUCHED, since=since_ms)
        hours = [HourKey(symbol, int(hour)) for symbol, hour, _ in rows if normal_symbol(symbol)]
        return hours, max((int(inserted_ms) for _, _, inserted_ms in rows), default=since_ms)

    async def pending(self) -> list[HourKey]:
        """The hours of which something is still to be fetched, by the ledger."""
        return [HourKey(symbol, int(hour)) for symbol, hour in await self._rows(_PENDING)]

    async def settled_ms(self) -> int:
        """Up to when, by their insertion, all trades are in the ledger; 0 if none was ever written."""
        ((settled_ms,),) = await self._rows(_SETTLED_MS)
        return max(0, int(settled_ms))

    async def seen(self, start_s: int, symbols: Iterable[str]) -> dict[str, Seen]:
        """What is stored of an hour, by symbol; those of which nothing is stored are left out."""
        listed = "[" + ",".join(f"'{symbol}'" for symbol in symbols) + "]"
        rows = await self._rows(_SEEN, start=start_s, end=start_s + _HOUR_S, symbols=listed)
        return {symbol: Seen(*map(int, figures)) for symbol, *figures in rows}

    async def id_before(self, symbol: str, trade_id: int) -> int | None:
        """The last id that is stored before this one."""
        rows = await self._rows(_BEFORE, symbol=symbol, id=trade_id)
        return int(rows[0][0]) if rows else None

    async def gaps(self, hour: HourKey, id_before: int) -> list[Gap]:
        """The first `MAX_GAPS` gaps from after `id_before` to the last trade of the hour, ascending."""
        start_s, symbol = hour.start_s, hour.symbol
        limits = {"start": start_s, "end": start_s + _HOUR_S, "most": MAX_GAPS}
        rows = await self._rows(_GAPS, before=id_before, symbol=symbol, **limits)
        return [Gap(hour, int(before) + 1, int(after) - 1) for before, after in rows]

    async def add(self, trades: Sequence[TradeMsg]) -> None:
        """Trades that were fetched later."""
        if trades:
            await self.clickhouse.insert("trades", _TRADES, ["\n".join(map(_row, trades)).encode()])

    async def write(self, rows: Iterable[Coverage], settled_ms: int) -> None:
        """Rows of the ledger, in place of earlier ones; all trades that were inserted before `settled_ms` are in it."""
        text = "\n".join(
            f"{self.source}\t{row.hour.symbol}\t{row.hour.start_s}\t{row.first_id}\t{row.last_id}\t{row.present}\t"
            f"{row.filled}\t{row.missing}\t{row.reason}\t{_seconds(settled_ms)}"
            for row in rows
        )
        if text:
            await self.clickhouse.insert("trade_coverage", _LEDGER, [text.encode()])

    async def close(self) -> None:
        await self.clickhouse.close()

    async def _rows(self, sql: str, **parameters: object) -> list[list[str]]:
        rows = await self.clickhouse.rows(sql, {"source": self.source, **parameters})
        return [row.split("\t") for row in rows]


def _row(trade: TradeMsg) -> str:
    """In the order of `_TRADES`; times as seconds with three places."""
    event_time, trade_time, receive_time = map(_seconds, (trade.E, trade.T, trade.receive_time))
    return (
        f"{trade.s}\t{trade.a}\t{trade.p}\t{trade.q}\t{trade.f}\t{trade.l}\t{event_time}\t{trade_time}\t"
        f"{int(trade.m)}\t{receive_time}\t{trade.src}\ttrue"
    )


def _seconds(ms: int) -> str:
    """With ten digits before the point: fewer are no time to ClickHouse."""
    return f"{ms // 1_000:010}.{ms % 1_000:03}"
