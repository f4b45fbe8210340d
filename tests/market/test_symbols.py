"""Symbol syntax."""

import pytest

from services.market.symbols import _normal_symbol, normal_symbol


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
