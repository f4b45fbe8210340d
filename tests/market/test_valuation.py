"""The valuation graph: paths by the listing, exact rates, and figures rounded once, against fractions."""

from collections.abc import Mapping
from decimal import Context, Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.market.symbols import DELISTED, TRADING, Listing
from services.market.valuation import EXACT, Graph, Leg, Pair, Path, convert, is_exact, rate_along

WIDE = Context(prec=300)
PLACES = 18

quantities = st.integers(1, 10**38 - 1).map(lambda scaled: Decimal(scaled).scaleb(-18, WIDE))
prices = st.tuples(st.integers(1, 10**14), st.integers(0, 10)).map(lambda pair: Decimal(pair[0]).scaleb(-pair[1], WIDE))
legs = st.tuples(prices, st.booleans())
paths = st.lists(legs, max_size=4)


def as_path(drawn: list[tuple[Decimal, bool]]) -> tuple[Path, Mapping[str, Decimal]]:
    path = tuple(Leg(str(number), backwards) for number, (_, backwards) in enumerate(drawn))
    return path, {str(number): price for number, (price, _) in enumerate(drawn)}


def true_value(quantity: Decimal, drawn: list[tuple[Decimal, bool]]) -> Fraction:
    value = Fraction(quantity)
    for price, backwards in drawn:
        value = value / Fraction(price) if backwards else value * Fraction(price)
    return value


@given(quantities, paths)
def test_forwards_is_exact_and_backwards_is_rounded_once(quantity: Decimal, drawn: list[tuple[Decimal, bool]]) -> None:
    path, known = as_path(drawn)
    rate = rate_along(path, known.get)
    true = true_value(quantity, drawn)
    if rate is None:
        assert true / Fraction(quantity) >= 10**20
        return
    value = Fraction(convert(quantity, rate, path))
    if is_exact(path):
        assert value == true
    else:  # round() of a fraction is half to even
        assert value == Fraction(round(true * 10**PLACES), 10**PLACES)


@pytest.mark.parametrize(
    ("figure", "price", "value"),
    [
        ("1", "3", "0.333333333333333333"),
        ("2", "3", "0.666666666666666667"),
        ("0.000000000000000001", "2", "0"),  # a tie goes to the even digit
        ("0.000000000000000003", "2", "0.000000000000000002"),
        ("0.0000000000000000045", "3", "0.000000000000000002"),  # though a third is rounded itself
        ("0.0000000000000000075", "3", "0.000000000000000002"),
        ("0.000000000000000001", "1.9999999999", "0.000000000000000001"),
        ("500", "68123.45", "0.007339616534394544"),
    ],
)
def test_a_tie_goes_to_the_even_digit_and_nothing_else_is_a_tie(figure: str, price: str, value: str) -> None:
    path = (Leg("a", backwards=True),)
    rate = rate_along(path, {"a": Decimal(price)}.get)
    assert rate is not None
    assert convert(Decimal(figure), rate, path) == Decimal(value)


@given(st.integers(0, 10**24), st.lists(prices, min_size=1, max_size=3), st.sampled_from([0, 1, -1]))
def test_a_tie_is_one_also_where_the_rate_has_no_end(even: int, divisors: list[Decimal], beside: int) -> None:
    """A rate without an end, such as a third, gives ties all the same, which the product meets only nearly."""
    drawn = [(price, True) for price in divisors]
    figure = Decimal(10 * even + 5).scaleb(-PLACES - 1, WIDE)
    for price in divisors:
        figure = EXACT.multiply(figure, price)
    figure = EXACT.add(figure, Decimal(beside).scaleb(-28))
    path, known = as_path(drawn)
    rate = rate_along(path, known.get)
    if rate is None or figure <= 0:
        return
    true = true_value(figure, drawn)
    assert Fraction(convert(figure, rate, path)) == Fraction(round(true * 10**PLACES), 10**PLACES)


@given(st.lists(st.tuples(quantities, prices), max_size=20), legs)
def test_a_total_is_the_sum_of_its_parts(held: list[tuple[Decimal, Decimal]], leg: tuple[Decimal, bool]) -> None:
    path, known = as_path([leg])
    rate = rate_along(path, known.get)
    assert rate is not None
    values = [convert(EXACT.multiply(quantity, price), rate, path) for quantity, price in held]
    total = Decimal(0)
    for value in values:
        total = EXACT.add(total, value)
    assert Fraction(total) == sum(map(Fraction, values))
    assert is_exact(path) or total == 0 or -total.as_tuple().exponent <= PLACES  # type: ignore[operator]


def test_no_price_and_a_price_of_0_are_no_rate() -> None:
    path = (Leg("a", backwards=False), Leg("b", backwards=True))
    for one, other in ((None, None), (1, None), (1, 0), (0, 1)):
        known = {"a": None if one is None else Decimal(one), "b": None if other is None else Decimal(other)}
        assert rate_along(path, known.__getitem__) is None
    assert rate_along((), lambda _: None) == 1


def test_an_absurd_rate_is_none() -> None:
    path = (Leg("a", backwards=True),)
    assert rate_along(path, {"a": Decimal("1E-20")}.get) is None
    assert rate_along(path, {"a": Decimal("1E-19")}.get) == Decimal("1E+19")


LISTED = [
    Listing("btcusdt", "BTC", "USDT", TRADING),
    Listing("ethusdt", "ETH", "USDT", TRADING),
    Listing("ethbtc", "ETH", "BTC", TRADING),
    Listing("eurusdt", "EUR", "USDT", TRADING),
    Listing("xbtc", "X", "BTC", TRADING),
    Listing("xeth", "X", "ETH", TRADING),
    Listing("islandshell", "ISLAND", "SHELL", TRADING),
    Listing("oldusdt", "OLD", "USDT", DELISTED),
    Listing("haltusdt", "HALT", "USDT", "BREAK"),
]
VOLUMES = {"btcusdt": Decimal(9), "ethusdt": Decimal(8), "xbtc": Decimal(1), "xeth": Decimal(2)}


def graph(listed: list[Listing] = LISTED, volumes: Mapping[str, Decimal] = VOLUMES) -> Graph:
    pairs = [Pair(each.symbol, each.base, each.quote, Decimal(1), None) for each in listed if each.tradable]
    return Graph(listed, pairs, volumes)


def test_a_path_is_the_shortest_and_of_several_the_one_that_trades_more() -> None:
    known = graph()
    assert known.path("BTC", "USDT") == (Leg("btcusdt", backwards=False),)
    assert known.path("USDT", "EUR") == (Leg("eurusdt", backwards=True),)
    assert known.path("X", "EUR") == (Leg("xeth", False), Leg("ethusdt", False), Leg("eurusdt", True))
    assert graph(volumes=VOLUMES | {"xbtc": Decimal(3)}).path("X", "USDT") == (
        Leg("xbtc", False),
        Leg("btcusdt", False),
    )
    assert known.path("USDT", "USDT") == ()
    assert known.path("EUR", "EUR") == ()


def test_what_has_no_path_has_none() -> None:
    known = graph()
    assert known.path("ISLAND", "USDT") is None
    assert known.path("OLD", "USDT") is None, "through what is not listed any more"
    assert known.path("HALT", "USDT") is None, "through what is not traded now"
    assert known.path("NEVER", "USDT") is None
    assert known.path("BTC", "NEVER") is None
    assert not known.reaches("OLD")
    assert known.reaches("SHELL")


def test_circular_listings_end() -> None:
    ring = [Listing(f"{one}{two}".lower(), one, two, TRADING) for one, two in ("AB", "BC", "CA", "AA", "BA")]
    known = graph(ring, {})
    assert known.path("A", "B") == (Leg("ba", backwards=True),), "of two pairs of the same assets, one"
    assert known.path("A", "C") == (Leg("ca", backwards=True),)
    assert known.path("A", "A") == ()


def test_a_chain_of_pairs_has_an_end() -> None:
    chain = [Listing(f"a{n}", f"A{n}", f"A{n + 1}", TRADING) for n in range(10)]
    known = graph(chain, {})
    assert [len(known.path(f"A{n}", "A9") or ()) for n in range(10)] == [0, 0, 0, 0, 0, 4, 3, 2, 1, 0]


def test_a_symbol_that_names_a_pair_is_a_pair_and_else_an_asset() -> None:
    known = graph([*LISTED, Listing("btc", "B", "TC", TRADING), Listing("unnamed")])
    assert known.bare_asset("btc") is None
    assert known.bare_asset("eth") == "ETH"
    assert known.bare_asset("usdt") == "USDT"
    assert known.bare_asset("halt") == "HALT"
    assert known.bare_asset("old") is None, "no longer an asset of the listing"
    assert known.bare_asset("unnamed") is None
    assert known.asset("eUr") == "EUR"


def test_the_quote_is_the_listings_and_without_one_what_the_symbol_ends_with() -> None:
    known = graph()
    assert known.quote("oldusdt", "EUR") == "USDT"
    assert known.quote("xbtc", "EUR") == "BTC"
    assert known.quote("newusdt", "USDT") == "USDT"
    assert known.quote("newusdt", "EUR") is None
    assert not Graph().known
    assert Graph().quote("btcusdt", "USDT") == "USDT"
    assert Graph().path("USDT", "USDT") == ()


@given(st.lists(st.tuples(st.sampled_from("ABCDEF"), st.sampled_from("ABCDEF"), st.integers(0, 3)), max_size=15))
def test_any_listing_has_shortest_paths_made_of_its_pairs(drawn: list[tuple[str, str, int]]) -> None:
    listed = [Listing(f"{n}{base}{quote}".lower(), base, quote, TRADING) for n, (base, quote, _) in enumerate(drawn)]
    known = graph(listed, {each.symbol: Decimal(volume) for each, (_, _, volume) in zip(listed, drawn, strict=True)})
    ends = {each.symbol: (each.base, each.quote) for each in listed}
    for asset in "ABCDEF":
        path = known.path(asset, "A")
        if path is None:
            continue
        at = asset
        for leg in path:
            base, quote = ends[leg.symbol]
            assert at == (quote if leg.backwards else base)
            at = base if leg.backwards else quote
        assert at == "A"
        for neighbour in {end for pair in ends.values() if asset in pair for end in pair}:
            beside = known.path(neighbour, "A")
            assert beside is None or len(path) <= len(beside) + 1
