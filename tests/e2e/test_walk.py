"""The walk of a new user, from registration to a moving total."""

from decimal import ROUND_HALF_EVEN, Context, Decimal, localcontext

import httpx

from tests.e2e.stack import Stack, User, assert_exact, until_document
from tests.processes import until


async def test_the_portfolio_moves_with_exact_totals(user: User) -> None:
    added = await user.add("btcusdt", "0.123456789012345678")
    assert added.status_code == 201, added.text
    async with user.live() as websocket:
        first = await until_document(websocket, lambda document: "btcusdt" in document["Coins"]["Prices"])
        moved = await until_document(websocket, lambda document: document["UpdatedAt"] > first["UpdatedAt"])
    for document in (first, moved):
        assert document["Coins"]["Quantities"] == {"btcusdt": Decimal("0.123456789012345678")}
        assert document["Source"] == "simulator"
        assert_exact(document)


async def test_a_portfolio_is_valued_in_each_currency_as_one_computes_it_by_hand(user: User) -> None:
    held = {"btcusdt": "1.5", "ethusdt": "10", "usdt": "500.25", "btc": "0.001"}
    for symbol, quantity in held.items():
        added = await user.add(symbol, quantity)
        assert added.status_code == 201, added.text
    for currency in ("USDT", "BTC", "ETH"):
        chosen = await until(lambda currency=currency: choose(user, currency), what="the exchange's symbols are known")
        assert (chosen.status_code, chosen.json()) == (200, {"currency": currency}), chosen.text
        async with user.live(query="?detail=full") as websocket:
            document = await until_document(websocket, lambda document: not document["Unvalued"])
        assert document["Currency"] == currency
        prices, values = document["Coins"]["Prices"], document["Coins"]["Values"]
        in_usdt = {
            "btcusdt": Decimal("1.5") * prices["btcusdt"],
            "ethusdt": 10 * prices["ethusdt"],
            "usdt": Decimal("500.25"),
            "btc": Decimal("0.001") * prices["btcusdt"],
        }
        rate = {"USDT": Decimal(1), "BTC": prices["btcusdt"], "ETH": prices["ethusdt"]}[currency]
        expected = {symbol: rounded(value, rate) for symbol, value in in_usdt.items()}
        assert values == expected
        assert document["Total"] == sum(values.values())


async def choose(user: User, currency: str) -> httpx.Response | None:
    """The answer, unless the profile has yet to hear what is listed."""
    answer = await user.client.patch("/v2/user/settings", json={"currency": currency}, headers=user.bearer)
    return None if answer.status_code == 503 and answer.json()["code"] == "symbols_unknown" else answer


def rounded(value: Decimal, rate: Decimal) -> Decimal:
    """value ÷ rate, computed with 50 digits and rounded half to even to 18 decimals."""
    with localcontext(Context(prec=50, rounding=ROUND_HALF_EVEN)):
        return value if rate == 1 else (value / rate).quantize(Decimal("1E-18"))


async def test_changes_by_rest_show_in_the_open_websocket(user: User) -> None:
    async with user.live() as websocket:
        await until_document(websocket, lambda document: document["Coins"]["Quantities"] == {})
        await user.add("ethusdt", "2")
        await until_document(websocket, lambda document: document["Coins"]["Quantities"] == {"ethusdt": 2})
        await user.change("ethusdt", "3.5")
        await until_document(websocket, lambda document: document["Coins"]["Quantities"] == {"ethusdt": Decimal("3.5")})
        await user.remove("ethusdt")
        await until_document(websocket, lambda document: document["Coins"]["Quantities"] == {})


async def test_two_replicas_show_one_portfolio(user: User, stack: Stack) -> None:
    other = await stack.start_profile("profile-2")
    other_url = f"http://127.0.0.1:{other.port}"
    async with user.live() as here, user.live(other_url) as there:
        added = await user.add("btcusdt", "1")
        assert added.status_code == 201
        for websocket in (here, there):
            await until_document(websocket, lambda document: document["Coins"]["Quantities"] == {"btcusdt": 1})
        changed = await user.client.patch(
            f"{other_url}/v2/coin/symbol", json={"symbol": "btcusdt", "quantity": 7}, headers=user.bearer
        )
        assert changed.status_code == 200
        for websocket in (here, there):
            document = await until_document(
                websocket, lambda document: document["Coins"]["Quantities"] == {"btcusdt": 7}
            )
            assert_exact(document)
