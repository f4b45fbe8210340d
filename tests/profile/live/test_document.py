"""The profile document: exact for any numbers."""

import json
from collections.abc import Mapping
from decimal import Context, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.market.second_stat import MalformedPriceError
from services.market.valuation import Graph
from services.profile.live.document import document_of
from services.profile.live.prices import Price, decode_price, price_of
from services.profile.portfolio.rules import Portfolio
from tests.profile.live.replica import parse

WIDE = Context(prec=300)

quantities = st.integers(1, 10**38 - 1).map(lambda scaled: Decimal(scaled).scaleb(-18, WIDE))
prices = st.tuples(st.integers(0, 10**19), st.integers(0, 8)).map(lambda pair: Decimal(pair[0]).scaleb(-pair[1], WIDE))
symbols = st.text(min_size=1, max_size=8)
coins = st.dictionaries(symbols, st.tuples(quantities, st.none() | prices), max_size=12)


class AllInUsdt(Graph):
    """A listing in which every symbol is a pair with USDT."""

    def quote(self, symbol: str, currency: str) -> str:
        return "USDT"


def render_document(portfolio: Portfolio, known: Mapping[str, Price]) -> bytes:
    return document_of(portfolio, known, AllInUsdt()).render(known)


def _price(number: Decimal, event_time_ms: int = 1, source: str = "binance") -> Price:
    return price_of(number, event_time_ms, source)


@given(coins, st.text())
def test_every_number_is_exact_and_plain(held: Mapping[str, tuple[Decimal, Decimal | None]], name: str) -> None:
    portfolio = Portfolio(7, name, {symbol: quantity for symbol, (quantity, _) in held.items()})
    known = {symbol: price for symbol, (_, price) in held.items() if price is not None}
    text = render_document(portfolio, {symbol: _price(price) for symbol, price in known.items()}).decode()
    document = parse(text)
    totals = {symbol: WIDE.multiply(held[symbol][0], price) for symbol, price in known.items()}
    assert document["Name"] == name
    assert document["Coins"] == {"Quantities": portfolio.quantities, "Prices": known, "Totals": totals}
    assert list(document["Coins"]["Quantities"]) == list(held)
    assert document["Total"] == _sum(totals.values())
    assert all(_is_plain(literal) for literal in _number_literals(text))


@given(coins, coins)
def test_rendering_again_is_like_rendering_anew(
    held: Mapping[str, tuple[Decimal, Decimal | None]], later: Mapping[str, tuple[Decimal, Decimal | None]]
) -> None:
    """Prices become known, change and become unknown; nothing of an earlier document stays behind."""
    portfolio = Portfolio(7, "someone", {symbol: quantity for symbol, (quantity, _) in held.items()})
    known: dict[str, Price] = {}
    document = document_of(portfolio, known, AllInUsdt())
    for round_ in (held, later, held):
        known.clear()
        known |= {symbol: _price(price) for symbol, (_, price) in round_.items() if price is not None}
        assert document.render(known) == render_document(portfolio, known)


def test_tiny_and_round_numbers_are_written_out() -> None:
    portfolio = Portfolio(1, "x", {"a": Decimal("1E-18"), "b": Decimal("1E+2"), "c": Decimal("2.50")})
    known = {"a": _price(Decimal("1E-8")), "b": _price(Decimal("1E+3")), "c": _price(Decimal("0.40"))}
    assert render_document(portfolio, known) == (
        b'{"ID":1,"Name":"x","Coins":{"Quantities":{"a":0.000000000000000001,"b":100,"c":2.5},'
        b'"Prices":{"a":0.00000001,"b":1000,"c":0.4},'
        b'"Totals":{"a":0.00000000000000000000000001,"b":100000,"c":1}},'
        b'"Total":100001.00000000000000000000000001,"UpdatedAt":1,"Source":"binance","Currency":"USDT","Unvalued":[]}'
    )


def test_updated_at_is_the_newest_price_and_source_is_its_source() -> None:
    portfolio = Portfolio(1, "x", {"a": Decimal(1), "b": Decimal(1)})
    for newest, other in (("a", "b"), ("b", "a")):
        known = {newest: _price(Decimal(1), 5, "simulator"), other: _price(Decimal(1), 4, "binance")}
        document = parse(render_document(portfolio, known))
        assert (document["UpdatedAt"], document["Source"]) == (5, "simulator")


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=0, max_value=10**12, places=8))
def test_a_price_is_decoded_exactly(number: Decimal) -> None:
    price = decode_price(f'{{"s":"a","p":{number:f},"t":5}}'.encode())
    assert (price.price, price.event_time_ms, price.source) == (number, 5, "binance")


@pytest.mark.parametrize(
    "payload", ["", "null", '{"t":1}', '{"p":1e30,"t":1}', '{"p":1e-31,"t":1}', '{"p":-1,"t":1}', '{"p":"inf","t":1}']
)
def test_what_is_no_price_is_refused(payload: str) -> None:
    with pytest.raises(MalformedPriceError):
        decode_price(payload.encode())


def _sum(numbers: object) -> Decimal:
    total = Decimal(0)
    for number in numbers:  # type: ignore[attr-defined]
        total = WIDE.add(total, number)
    return total


def _number_literals(text: str) -> list[str]:
    literals: list[str] = []
    json.loads(text, parse_float=literals.append, parse_int=literals.append)
    return literals


def _is_plain(literal: str) -> bool:
    return "e" not in literal.lower() and (literal == "0" or "." not in literal or literal[-1] not in "0.")
