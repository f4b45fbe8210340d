"""Symbol syntax."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.market.symbols import Listing, _normal_symbol, decode_listings, normal_symbol
from tests.mutations import mutations


@pytest.mark.parametrize(
    ("text", "symbol"),
    [
        ("BTCUSDT", "btcusdt"),
        ("bTc", "btc"),
        ("币安人生USDT", "币安人生usdt"),
        ("", None),
        ("a b", None),
        ("auth:revocations", None),
        ("a\x00", None),
        ("a\n", None),
        ("a*", None),
        ("a" * 41, None),
    ],
)
def test_a_symbol_is_lower_case_and_never_a_channel_of_ours(text: str, symbol: str | None) -> None:
    assert normal_symbol(text) == symbol


def test_long_names_are_no_symbols_and_not_remembered() -> None:
    before = _normal_symbol.cache_info().currsize
    assert normal_symbol("x" * 41) is None
    assert _normal_symbol.cache_info().currsize == before
    assert normal_symbol("X" * 40) == "x" * 40


LISTED = [{"symbol": f"s{n}", "base": "S", "quote": f"{n}", "status": "TRADING"} for n in range(4)]


@given(st.data())
def test_a_change_of_one_listing_leaves_all_others_unchanged(data: st.DataObject) -> None:
    victim = data.draw(st.integers(0, 3))
    mutated: list[Any] = [*LISTED]
    mutated[victim] = data.draw(mutations(LISTED[victim]))
    others = [Listing(**one) for index, one in enumerate(LISTED) if index != victim]
    read = decode_listings(msgspec.json.encode({"symbols": mutated}))
    assert [one for one in read if one in others] == others
