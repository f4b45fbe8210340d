"""The profile document in any currency: values by hand from the prices shown, parts that add up, what is left out."""

from collections.abc import Mapping
from decimal import ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.market.symbols import TRADING, Listing
from services.market.valuation import Graph, Pair
from services.profile.live.document import PortfolioDocument, document_of
from services.profile.live.prices import Price, price_of
from services.profile.live.rates import Valuations
from services.profile.portfolio.rules import Portfolio
from tests.profile.live.replica import parse

LISTED = [
    Listing("btcusdt", "BTC", "USDT", TRADING),
    Listing("ethusdt", "ETH", "USDT", TRADING),
    Listing("ethbtc", "ETH", "BTC", TRADING),
    Listing("eurusdt", "EUR", "USDT", TRADING),
    Listing("islandshell", "ISLAND", "SHELL", TRADING),
    Listing("usdcusdt", "USDC", "USDT", TRADING),
    Listing("oldusdt", "OLD", "USDT", "BREAK"),
    Listing("haltusdt", "HALT", "USDT", "BREAK"),
]
GRAPH = Graph(
    LISTED,
    [Pair(each.symbol, each.base, each.quote, Decimal(1), None) for each in LISTED if each.tradable],
    {"btcusdt": Decimal(9), "ethusdt": Decimal(8), "ethbtc": Decimal(7)},
)
NUMBERS = {
    "btcusdt": "68123.45",
    "ethusdt": "3500.5",
    "ethbtc": "0.05138",
    "eurusdt": "1.0853",
    "islandshell": "7",
    "oldusdt": "0.5",
}
HELD = ("btcusdt", "ethbtc", "eurusdt", "ethusdt")
BY_HAND = Context(prec=50, rounding=ROUND_HALF_EVEN)

quantities = st.integers(1, 10**28).map(lambda scaled: Decimal(scaled).scaleb(-18, BY_HAND))
prices = st.tuples(st.integers(1, 10**13), st.integers(0, 8)).map(lambda pair: Decimal(pair[0]).scaleb(-pair[1]))


def portfolio(currency: str = "USDT", /, **held: str) -> Portfolio:
    return Portfolio(1, "x", {symbol: Decimal(text) for symbol, text in held.items()}, currency)


def known(**changed: str) -> dict[str, Price]:
    texts = NUMBERS | changed
    return {symbol: price_of(Decimal(text), 1000 + n, "binance") for n, (symbol, text) in enumerate(texts.items())}


def full(held: Portfolio, at: Mapping[str, Price]) -> dict[str, Any]:
    """The full document; the plain one must be the same but for what only this one has."""
    document = document_of(held, at, GRAPH)
    shown = parse(document.render_full(at))
    plain = parse(document.render(at))
    coins = {name: shown["Coins"][name] for name in ("Quantities", "Prices", "Totals")}
    assert plain | {name: shown[name] for name in ("RatesAt", "Paths")} == shown | {"Coins": coins}
    assert not {"RatesAt", "Paths"} & set(plain)
    assert list(shown["Coins"]) == ["Quantities", "Prices", "Totals", "Values", "Times"]
    return shown


def test_one_who_holds_usdt_pairs_gets_the_numbers_as_before_byte_for_byte() -> None:
    held = portfolio(btcusdt="1.5", ethusdt="0.123456789012345678", eurusdt="1000")
    text = document_of(held, known(), GRAPH).render(known())
    assert text == (
        b'{"ID":1,"Name":"x","Coins":{"Quantities":{"btcusdt":1.5,"ethusdt":0.123456789012345678,"eurusdt":1000},'
        b'"Prices":{"btcusdt":68123.45,"ethusdt":3500.5,"eurusdt":1.0853},'
        b'"Totals":{"btcusdt":102185.175,"ethusdt":432.160489937716045839,"eurusdt":1085.3}},'
        b'"Total":103702.635489937716045839,"UpdatedAt":1003,"Source":"binance","Currency":"USDT","Unvalued":[]}'
    )


def test_values_are_what_one_computes_by_hand_from_the_prices() -> None:
    held = {"btcusdt": "1.5", "ethbtc": "100", "eurusdt": "1000"}
    in_usdt = full(portfolio("USDT", **held), known())
    assert in_usdt["Coins"]["Totals"] == {
        "btcusdt": Decimal("102185.175"),
        "ethbtc": Decimal("5.138"),
        "eurusdt": Decimal("1085.3"),
    }
    assert in_usdt["Coins"]["Values"] == in_usdt["Coins"]["Totals"] | {"ethbtc": Decimal("5.138") * Decimal("68123.45")}
    assert in_usdt["Total"] == Decimal("453288.7611")
    in_eur = full(portfolio("EUR", **held), known())
    usdt = in_usdt["Coins"]["Values"]
    assert in_eur["Coins"]["Values"] == {symbol: by_hand(value, Decimal("1.0853")) for symbol, value in usdt.items()}
    assert in_eur["Coins"]["Totals"] == in_usdt["Coins"]["Totals"], "in the pair's own quote, as ever"
    in_btc = full(portfolio("BTC", **held), known())
    assert in_btc["Coins"]["Values"] == {
        "btcusdt": by_hand(Decimal("102185.175"), Decimal("68123.45")),
        "ethbtc": Decimal("5.138"),
        "eurusdt": by_hand(Decimal("1085.3"), Decimal("68123.45")),
    }
    for document in (in_usdt, in_eur, in_btc):
        assert document["Total"] == sum(document["Coins"]["Values"].values())
        assert document["Unvalued"] == []
        assert document["Coins"]["Times"] == {"btcusdt": 1000, "ethbtc": 1002, "eurusdt": 1003}


def by_hand(figure: Decimal, price: Decimal) -> Decimal:
    return BY_HAND.divide(figure, price).quantize(Decimal("1E-18"), context=BY_HAND)


@given(
    st.sampled_from(["USDT", "EUR", "BTC", "ETH"]),
    st.dictionaries(st.sampled_from(HELD), quantities, max_size=4),
    st.fixed_dictionaries(dict.fromkeys(HELD, prices)),
)
def test_parts_add_up_to_the_last_digit_in_every_currency(
    currency: str, held: Mapping[str, Decimal], drawn: Mapping[str, Decimal]
) -> None:
    at = {symbol: price_of(price, 5, "binance") for symbol, price in drawn.items()}
    document = full(Portfolio(1, "x", held, currency), at)
    values = document["Coins"]["Values"]
    assert Fraction(document["Total"]) == sum(Fraction(value) for value in values.values())
    for symbol, quantity in held.items():
        true = Fraction(quantity) * Fraction(drawn[symbol])
        quote = "BTC" if symbol == "ethbtc" else "USDT"
        for leg in GRAPH.path(quote, currency) or ():
            price = Fraction(drawn[leg.symbol])
            true = true / price if leg.backwards else true * price
        assert abs(Fraction(values[symbol]) - true) <= Fraction(1, 2 * 10**18)


def leg(symbol: str, *, backwards: bool = False) -> dict[str, Any]:
    return {"Symbol": symbol, "Backwards": backwards}


def test_the_pairs_that_convert_are_named_in_their_order_priced_or_not() -> None:
    held = portfolio("EUR", btcusdt="1", ethbtc="2", eur="3", sol="4", islandshell="5")
    to_eur = leg("eurusdt", backwards=True)
    assert full(held, known())["Paths"] == {"USDT": [to_eur], "BTC": [leg("btcusdt"), to_eur]}
    unpriced = {symbol: price for symbol, price in known().items() if symbol != "eurusdt"}
    assert full(held, unpriced)["Paths"] == full(held, known())["Paths"]
    assert full(portfolio("USDT", btcusdt="1", usdt="2"), known())["Paths"] == {}


def test_what_is_not_in_the_total_is_named_in_order() -> None:
    held = portfolio(islandshell="1", btcusdt="2", newusdt="3", oldusdt="4")
    document = full(held, known())
    assert document["Unvalued"] == ["islandshell", "newusdt"]
    assert document["Coins"]["Totals"] == {"islandshell": 7, "btcusdt": Decimal("136246.9"), "oldusdt": 2}
    assert document["Coins"]["Values"] == {"btcusdt": Decimal("136246.9"), "oldusdt": 2}, "its last price holds"
    assert document["Total"] == Decimal("136248.9")
    assert document["Coins"]["Times"] == {"islandshell": 1004, "btcusdt": 1000, "oldusdt": 1005}


@pytest.mark.parametrize("price", [None, "0"])
def test_a_leg_without_a_price_or_with_a_price_of_0_converts_nothing(price: str | None) -> None:
    at = known()
    if price is None:
        del at["eurusdt"]
    else:
        at["eurusdt"] = price_of(Decimal(price), 5, "binance")
    document = full(portfolio("EUR", btcusdt="1"), at)
    assert (document["Total"], document["Unvalued"]) == (0, ["btcusdt"])
    assert document["Coins"]["Totals"] == {"btcusdt": Decimal("68123.45")}
    assert document["Coins"]["Values"] == {}


def test_a_coin_at_a_price_of_0_is_worth_0() -> None:
    document = full(portfolio("EUR", btcusdt="1"), known(btcusdt="0"))
    assert (document["Total"], document["Unvalued"]) == (0, [])
    assert document["Coins"]["Values"] == {"btcusdt": 0}


def test_rates_follow_their_legs_and_their_graph() -> None:
    at = known()
    valuations = Valuations(at, GRAPH)
    rates = valuations.rates("EUR")
    before = rates["USDT"]
    at["eurusdt"] = price_of(Decimal(2), 5, "binance")
    assert rates["USDT"] == before, "once a tick"
    valuations.price_changed("btcusdt")
    assert rates["USDT"] == before
    valuations.price_changed("eurusdt")
    assert rates["USDT"] == Decimal("0.5")
    valuations.adopt(Graph())
    assert not rates.knows("USDT")
    valuations.adopt(GRAPH)
    assert rates.knows("USDT")
    at.clear()
    valuations.prices_lost()
    assert not rates.knows("USDT")


@given(
    st.lists(
        st.tuples(st.dictionaries(st.sampled_from(sorted(NUMBERS)), prices), st.sampled_from([Graph(), GRAPH])),
        max_size=4,
    ),
    st.sampled_from(["USDT", "EUR", "BTC"]),
)
def test_rendering_again_is_like_rendering_anew(
    rounds: list[tuple[Mapping[str, Decimal], Graph]], currency: str
) -> None:
    """Prices come and go and paths change; nothing of an earlier document stays behind."""
    held = portfolio(currency, btcusdt="1", ethbtc="2", islandshell="3", eurusdt="4", oldusdt="5")
    at: dict[str, Price] = {}
    valuations = Valuations(at)
    document = PortfolioDocument(held, valuations.rates(currency))
    for drawn, graph in rounds:
        at.clear()
        at |= {symbol: price_of(price, 5, "binance") for symbol, price in drawn.items()}
        valuations.prices_lost()
        valuations.adopt(graph)
        fresh = document_of(held, at, graph)
        assert document.render(at) == fresh.render(at)
        assert document.render_full(at) == fresh.render_full(at)
        assert document.needed() == fresh.needed()


def test_cash_and_bare_assets_are_valued_by_the_graph() -> None:
    held = {"usdt": "500", "btcusdt": "1", "btc": "2", "eur": "100", "shell": "9", "halt": "1"}
    in_usdt = full(portfolio("USDT", **held), known())
    worth = {"usdt": Decimal(500), "btcusdt": Decimal("68123.45"), "btc": Decimal("136246.9"), "eur": Decimal("108.53")}
    assert in_usdt["Coins"]["Values"] == in_usdt["Coins"]["Totals"] == worth
    assert list(in_usdt["Coins"]["Prices"].items()) == [
        ("usdt", 1),
        ("btcusdt", Decimal("68123.45")),
        ("btc", Decimal("68123.45")),
        ("eur", Decimal("1.0853")),
    ]
    assert (in_usdt["Total"], in_usdt["Unvalued"]) == (sum(worth.values()), ["shell", "halt"])
    assert in_usdt["Coins"]["Times"] == {"usdt": 1003, "btcusdt": 1000, "btc": 1000, "eur": 1003}


def test_a_bare_asset_is_rounded_once_and_is_as_old_as_its_oldest_leg() -> None:
    document = full(portfolio("EUR", btc="500", usdt="3", eur="1"), known())
    assert document["Coins"]["Prices"] == {
        "btc": by_hand(Decimal("68123.45"), Decimal("1.0853")),
        "usdt": by_hand(Decimal(1), Decimal("1.0853")),
        "eur": 1,
    }
    totals = {
        "btc": by_hand(500 * Decimal("68123.45"), Decimal("1.0853")),
        "usdt": by_hand(Decimal(3), Decimal("1.0853")),
        "eur": Decimal(1),
    }
    assert document["Coins"]["Totals"] == document["Coins"]["Values"] == totals
    assert document["Total"] == sum(totals.values())
    assert document["Coins"]["Times"] == {"btc": 1000, "usdt": 1003, "eur": 1003}
    assert document["UpdatedAt"] == 1003


def test_cash_in_the_currency_alone_has_no_time() -> None:
    document = full(portfolio("USDT", usdt="500"), {})
    assert (document["Total"], document["UpdatedAt"], document["Source"]) == (500, None, None)
    assert document["Coins"] == {
        "Quantities": {"usdt": 500},
        "Prices": {"usdt": 1},
        "Totals": {"usdt": 500},
        "Values": {"usdt": 500},
        "Times": {"usdt": None},
    }
    assert full(portfolio("EUR", usdt="500"), {})["Unvalued"] == ["usdt"]


@given(
    st.dictionaries(st.sampled_from(["usdt", "btc", "eth", "eur", *HELD]), quantities), st.sampled_from(["EUR", "BTC"])
)
def test_parts_with_bare_assets_add_up(held: Mapping[str, Decimal], currency: str) -> None:
    document = full(Portfolio(1, "x", held, currency), known())
    assert document["Unvalued"] == []
    assert list(document["Coins"]["Values"]) == list(held)
    assert Fraction(document["Total"]) == sum(Fraction(value) for value in document["Coins"]["Values"].values())
    at = {symbol: Fraction(text) for symbol, text in NUMBERS.items()}
    usdt = {"usdt": Fraction(1), "btc": at["btcusdt"], "eth": at["ethusdt"], "eur": at["eurusdt"]}
    for symbol in held.keys() & usdt.keys():
        true = Fraction(held[symbol]) * usdt[symbol] / usdt[currency.lower()]
        if (symbol, currency) == ("eth", "BTC"):
            true = Fraction(held[symbol]) * at["ethbtc"]
        assert abs(Fraction(document["Coins"]["Totals"][symbol]) - true) <= Fraction(1, 2 * 10**18)


def test_a_rate_that_stands_still_is_known_by_its_time() -> None:
    at = known()
    at["eurusdt"] = price_of(Decimal("1.0853"), 7, "binance")
    document = full(portfolio("EUR", btcusdt="1"), at)
    assert document["Coins"]["Times"] == {"btcusdt": 1000}
    assert (document["RatesAt"], document["UpdatedAt"]) == (7, 1000)
    mixed = full(portfolio("BTC", btcusdt="1", ethbtc="1", eur="1"), at)
    assert mixed["RatesAt"] == 7, "of BTCUSDT and EURUSDT the older one"
    assert full(portfolio("USDT", btcusdt="1", usdt="5"), at)["RatesAt"] is None, "nothing is converted"
    assert full(portfolio("EUR", btcusdt="1"), {})["RatesAt"] is None


def test_beside_rounded_values_exact_ones_stay_exact() -> None:
    document = full(portfolio("BTC", btcusdt="1", ethbtc="0.000000000000000001"), known())
    assert document["Coins"]["Values"]["ethbtc"] == Decimal("5.138E-20")
    assert document["Total"] == document["Coins"]["Values"]["btcusdt"] + Decimal("5.138E-20")


def test_a_coin_is_valued_as_soon_as_its_leg_has_a_price() -> None:
    at = known()
    leg = at.pop("eurusdt")
    valuations = Valuations(at, GRAPH)
    document = PortfolioDocument(portfolio("EUR", btcusdt="1"), valuations.rates("EUR"))
    assert parse(document.render(at))["Unvalued"] == ["btcusdt"]
    at["eurusdt"] = leg
    valuations.price_changed("eurusdt")
    assert parse(document.render(at))["Unvalued"] == []
    del at["eurusdt"]
    valuations.price_changed("eurusdt")
    assert parse(document.render(at))["Unvalued"] == ["btcusdt"]


@pytest.mark.parametrize("beside", [{}, {"ethbtc": "1"}])
def test_a_value_that_is_a_tie_goes_to_the_even_digit(beside: Mapping[str, str]) -> None:
    """The rate is a third, which has no end."""
    at = known(btcusdt="3", usdcusdt="4.5")
    document = full(portfolio("BTC", **beside, usdcusdt="0.000000000000000001"), at)
    assert document["Coins"]["Totals"]["usdcusdt"] == Decimal("4.5E-18")
    assert document["Coins"]["Values"]["usdcusdt"] == Decimal("2E-18")
