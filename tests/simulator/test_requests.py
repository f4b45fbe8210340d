"""Answers to live requests, against the texts that Binance documents."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.requests import Session, answer


def ask(session: Session, request: object) -> Any:
    return json.loads(answer(json.dumps(request), session))


def test_subscriptions_are_acknowledged_listed_and_ended() -> None:
    session = Session(combined=False)
    assert ask(session, {"method": "SUBSCRIBE", "params": ["a@aggTrade", "b@aggTrade"], "id": 1}) == {
        "result": None,
        "id": 1,
    }
    assert ask(session, {"method": "UNSUBSCRIBE", "params": ["a@aggTrade", "never"], "id": "x"}) == {
        "result": None,
        "id": "x",
    }
    assert ask(session, {"method": "LIST_SUBSCRIPTIONS", "id": None}) == {"result": ["b@aggTrade"], "id": None}


def test_wrapping_can_be_asked_for_and_read_back() -> None:
    session = Session(combined=False)
    assert ask(session, {"method": "GET_PROPERTY", "params": ["combined"], "id": 1})["result"] is False
    assert ask(session, {"method": "SET_PROPERTY", "params": ["combined", True], "id": 1})["result"] is None
    assert session.combined is True


@pytest.mark.parametrize(
    ("request_", "code", "message"),
    [
        ({"method": "JUMP", "id": 1}, 2, "Invalid request: unknown variant `JUMP`"),
        ({"id": 1}, 2, "Invalid request: missing field `method`"),
        ({"method": "SUBSCRIBE", "params": "btcusdt@aggTrade", "id": 1}, 2, "Invalid request"),
        ({"method": "SUBSCRIBE", "params": [], "id": 1}, 2, "Invalid request"),
        ({"method": "SUBSCRIBE", "params": [1], "id": 1}, 2, "Invalid request"),
        ({"method": "SUBSCRIBE", "params": ["a"], "id": {}}, 2, "Invalid request: request ID"),
        ({"method": "SUBSCRIBE", "params": ["a"], "id": "x" * 37}, 2, "Invalid request: request ID"),
        ({"method": "SET_PROPERTY", "params": ["combined", 1], "id": 1}, 1, "Invalid value type: expected Boolean"),
        ({"method": "SET_PROPERTY", "params": ["combined"], "id": 1}, 1, "Invalid value type: expected Boolean"),
        ({"method": "SET_PROPERTY", "params": ["colour", True], "id": 1}, 0, "Unknown property"),
        ({"method": "GET_PROPERTY", "params": [], "id": 1}, 2, "Invalid request: property name must be a string"),
        ({"method": "GET_PROPERTY", "params": ["combined", 1], "id": 1}, 2, "Invalid request: too many parameters"),
        ([], 2, "Invalid request"),
    ],
)
def test_wrong_requests_are_answered_with_an_error(request_: object, code: int, message: str) -> None:
    session = Session(combined=False)
    error = ask(session, request_)["error"]
    assert error["code"] == code
    assert error["msg"].startswith(message)
    assert not session.streams


@given(st.binary(max_size=200))
def test_no_bytes_break_the_answering(text: bytes) -> None:
    assert set(json.loads(answer(text, Session(combined=False)))) in ({"error", "id"}, {"result", "id"})


def test_text_that_is_no_json_is_refused_as_such() -> None:
    assert json.loads(answer("{", Session(combined=False)))["error"]["code"] == 3
