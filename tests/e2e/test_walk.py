"""The walk of a new user, from registration to a moving total."""

from decimal import Decimal

from tests.e2e.stack import Stack, User, assert_exact, until_document


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
