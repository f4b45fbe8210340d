"""Redis: the channels, the price cache, and the follows that outlive this process. Names as in docs/contracts.md.

Every call has a deadline and raises StoreUnavailableError when Redis does not answer in time; a write may then have
been done or not. WriteRefusedError: it answers, and nothing was written. A cancelled call closes its connection.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import NamedTuple, cast

from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError

from services.aggregator import metrics
from services.aggregator.errors import StoreUnavailableError, WriteRefusedError
from services.aggregator.followers import MAX_FOLLOWER_ID, Follow
from services.market.names import FOLLOWS, LAST_PRICES, RESUME, SOURCE, SYMBOLS, WANTED
from services.market.resume import ResumeState, decode_resume_state, encode_resume_state
from services.market.symbols import Listing, decode_listings, normal_symbol

DEADLINE_S = 2.0
WHOLE_CACHE_DEADLINE_S = 5.0
WANTED_EXPIRES_S = 60

# A script, for a pipeline of as many PUBLISH commands costs our side five times as much (docs/adr/0005-aggregation.md).
# The cache first: a subscriber finds the price of each message there. A server that refuses to write (a full disk or
# memory, a replica) still publishes: prices go on without the cache, and the script returns how many fields it refused.
_PUBLISH = """
local refused = 0
for i = 1, #ARGV, 3 do
  local written = redis.pcall('HSET', KEYS[1], ARGV[i], ARGV[i + 2])
  if type(written) == 'table' and written.err then refused = refused + 1 end
  redis.call('PUBLISH', ARGV[i], ARGV[i + 1])
end
return refused
"""


class CacheState(NamedTuple):
    """Which run of which server holds the cache, and whose prices are in it."""

    run_id: str
    source: str | None


class MarketStore:
    """The aggregator's data in Redis."""

    def __init__(self, client: Redis) -> None:
        self._client = client
        self._publish = client.register_script(_PUBLISH)

    async def cache_state(self) -> CacheState:
        async with _reaching("cache_state", DEADLINE_S), self._client.pipeline(transaction=False) as batch:
            batch.info("server")
            batch.get(SOURCE)
            info, source = await batch.execute()
        return CacheState(str(info["run_id"]), source.decode(errors="replace") if source else None)

    async def last_prices(self) -> list[bytes]:
        """The values of the price cache."""
        async with _reaching("last_prices", WHOLE_CACHE_DEADLINE_S):
            return cast("list[bytes]", await self._client.hvals(LAST_PRICES))

    async def refill(self, source: str, last_prices: Mapping[str, bytes]) -> None:
        """Write the whole cache; symbols that are not in `last_prices` keep their values."""
        await self._write_cache("refill", source, last_prices, ())

    async def replace(self, source: str, last_prices: Mapping[str, bytes]) -> None:
        """Make `last_prices` of `source` all that the cache holds, in one transaction; symbols go too."""
        await self._write_cache("replace", source, last_prices, (LAST_PRICES, SYMBOLS))

    async def write_symbols(self, document: bytes) -> None:
        """Write the list of symbols, as `GET /symbols` answers it."""
        async with _reaching("write_symbols", DEADLINE_S):
            await self._client.set(SYMBOLS, document)

    async def write_wanted(self, document: bytes) -> None:
        """Write the symbols that are wanted; without another call they are gone after `WANTED_EXPIRES_S`."""
        async with _reaching("write_wanted", DEADLINE_S):
            await self._client.set(WANTED, document, ex=WANTED_EXPIRES_S)

    async def symbols(self) -> list[Listing]:
        """The listings that were written last; none for what cannot be read as such."""
        async with _reaching("symbols", DEADLINE_S):
            document = cast("bytes | None", await self._client.get(SYMBOLS))
        try:
            return decode_listings(document or b"")
        except (ValueError, RecursionError):
            return []

    async def resume_state(self) -> ResumeState:
        """Where the mini-tickers go on; the empty state for what cannot be read as one."""
        async with _reaching("resume_state", DEADLINE_S):
            return decode_resume_state(cast("bytes | None", await self._client.get(RESUME)) or b"")

    async def write_resume_state(self, state: ResumeState) -> None:
        async with _reaching("write_resume_state", DEADLINE_S):
            await self._client.set(RESUME, encode_resume_state(state))

    async def publish(self, updates: Iterable[tuple[str, bytes, bytes]]) -> bool:
        """A tick: symbol, message for its channel, value for the cache. False if Redis published and did not write."""
        async with _reaching("publish", DEADLINE_S):
            refused = await self._publish(keys=[LAST_PRICES], args=[part for update in updates for part in update])
        return not refused

    async def follows(self) -> list[Follow]:
        """The stored follows; invalid members are left out."""
        async with _reaching("follows", WHOLE_CACHE_DEADLINE_S):
            members = cast("set[bytes]", await self._client.smembers(FOLLOWS))
        return [follow for member in members if (follow := _parse_follow(member)) is not None]

    async def add_follows(self, follows: Iterable[Follow]) -> None:
        members = [_member(follow) for follow in follows]
        if members:
            async with _reaching("add_follows", DEADLINE_S):
                await self._client.sadd(FOLLOWS, *members)

    async def remove_follows(self, follows: Iterable[Follow]) -> None:
        members = [_member(follow) for follow in follows]
        if members:
            async with _reaching("remove_follows", DEADLINE_S):
                await self._client.srem(FOLLOWS, *members)

    async def _write_cache(
        self, call: str, source: str, last_prices: Mapping[str, bytes], emptied: Iterable[str]
    ) -> None:
        async with _reaching(call, WHOLE_CACHE_DEADLINE_S), self._client.pipeline(transaction=True) as batch:
            for key in emptied:
                batch.delete(key)
            batch.set(SOURCE, source)
            if last_prices:
                batch.hset(LAST_PRICES, items=_fields(last_prices))
            await batch.execute()


@asynccontextmanager
async def _reaching(call: str, deadline_s: float) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(deadline_s):
            yield
    except ResponseError as error:
        metrics.REDIS_ERRORS.labels(call).inc()
        raise WriteRefusedError from error
    except (RedisError, OSError, TimeoutError) as error:
        metrics.REDIS_ERRORS.labels(call).inc()
        raise StoreUnavailableError from error


def _fields(values: Mapping[str, bytes]) -> list[str | bytes]:
    return [part for pair in values.items() for part in pair]


def _member(follow: Follow) -> str:
    return f"{follow.follower_id}:{follow.symbol}"


def _parse_follow(member: bytes) -> Follow | None:
    number, _, symbol = member.decode(errors="replace").partition(":")
    if not (number.isascii() and number.isdigit() and len(number) <= len(str(MAX_FOLLOWER_ID))):
        return None
    if not 1 <= int(number) <= MAX_FOLLOWER_ID or normal_symbol(symbol) != symbol:
        return None
    return Follow(int(number), symbol)
