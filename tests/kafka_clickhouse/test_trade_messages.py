"""What of a trade's message can be stored."""

import json
import re
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kafka_clickhouse.errors import UndecodableError
from services.kafka_clickhouse.messages import TRADE_MESSAGES
from services.market import trade_msg
from services.market.decimals import is_plain_decimal
from tests.mutations import mutations

PAYLOAD: dict[str, Any] = {
    "e": "aggTrade",
    "E": 1767225600123,
    "s": "BTCUSDT",
    "a": 26_129,
    "p": "68123.45000000",
    "q": "0.01250000",
    "f": 100,
    "l": 105,
    "T": 1767225600121,
    "m": True,
    "M": True,
}
OURS = PAYLOAD | {"receive_time": 1767225600187, "src": "simulator"}
READ = ("E", "s", "a", "p", "q", "f", "l", "T", "m", "receive_time", "src")


def message(**changes: Any) -> bytes:
    """Ours, with these changes; None takes a key away."""
    return json.dumps({key: value for key, value in (OURS | changes).items() if value is not None}).encode()


def test_a_payload_with_its_ending_is_a_message() -> None:
    payload = json.dumps(PAYLOAD).encode()
    read = TRADE_MESSAGES.decode_one(payload[:-1] + trade_msg.ending("simulator", OURS["receive_time"]))
    assert {name: getattr(read, name) for name in READ} == {name: OURS[name] for name in READ}


def test_without_a_source_it_is_of_binance() -> None:
    assert TRADE_MESSAGES.decode_one(message(src=None)).src == "binance"


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "no value"),
        (b"", "truncated"),
        (b"[]", "object"),
        (b'{"s":"\xff"}', "utf-8"),
        (message(e="trade"), "trade"),
        (message(e=None), "`e`"),
        (message(a=None), "`a`"),
        (message(a=-1), ">= 0"),
        (message(a=2**63), "<= "),
        (message(a="1"), "`$.a`"),
        (message(s=""), "length"),
        (message(T=1767225600), ">= 1000000000000"),
        (message(receive_time=None), "`receive_time`"),
        (message(m=1), "`$.m`"),
        (message(p="1.2.3"), "`p` is no number"),
        (message(q="-1"), "`q` is no number"),
        (message(q="nan"), "`q` is no number"),
        (message(p="123456789012345678901"), "`p` is no number that fits"),
        (b'{"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "recursion"),
    ],
)
def test_what_cannot_be_stored_is_refused_with_a_reason(value: bytes | None, reason: str) -> None:
    with pytest.raises(UndecodableError, match=re.escape(reason)):
        TRADE_MESSAGES.decode_one(value)


@given(st.lists(st.integers(0, 2**40), min_size=1, max_size=8, unique=True), st.data())
def test_an_entry_that_was_changed_costs_only_itself(trade_ids: list[int], data: st.DataObject) -> None:
    entries = [OURS | {"a": trade_id} for trade_id in trade_ids]
    place = data.draw(st.integers(0, len(entries) - 1))
    entries[place] = data.draw(mutations(entries[place]))
    messages, bad = TRADE_MESSAGES.decode([json.dumps(entry).encode() for entry in entries])
    others = [trade_id for index, trade_id in enumerate(trade_ids) if index != place]
    assert [undecodable.index for undecodable in bad] in ([], [place])
    kept = [read for read in messages if bad or read is not messages[place]]
    assert [read.a for read in kept] == others
    assert all((read.p, read.q, read.s) == (OURS["p"], OURS["q"], OURS["s"]) for read in kept)
    for read in messages:
        assert all(Decimal(text) >= 0 or not is_plain_decimal(text) for text in (read.p, read.q))


@pytest.mark.parametrize("name", ["p", "q"])
def test_what_is_refused_by_itself_is_refused_among_others(name: str) -> None:
    messages, bad = TRADE_MESSAGES.decode([message(), message(**{name: "-1"}), message()])
    assert len(messages) == 2
    assert [(undecodable.index, undecodable.reason) for undecodable in bad] == [
        (1, f"`{name}` is no number that fits Decimal(38, 18)")
    ]
