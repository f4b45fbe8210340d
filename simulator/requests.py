"""Live requests on a stream connection: SUBSCRIBE, UNSUBSCRIBE, LIST_SUBSCRIPTIONS, SET_PROPERTY and GET_PROPERTY.

Answers follow Binance, "Live Subscribing/Unsubscribing to streams", with its error codes and messages. As there, a
stream name is not checked: a subscription to a stream that does not exist is acknowledged and stays silent.
"""

from dataclasses import dataclass, field

import msgspec

_METHODS = ("SUBSCRIBE", "UNSUBSCRIBE", "LIST_SUBSCRIPTIONS", "SET_PROPERTY", "GET_PROPERTY")
RequestId = int | str | None
_MAX_ID_LENGTH = 36


@dataclass(slots=True)
class Session:
    """What one connection listens to, and whether its events come wrapped (`/stream`) or raw (`/ws`)."""

    combined: bool
    streams: dict[str, None] = field(default_factory=dict)
    """In the order of subscription."""


def answer(text: str | bytes, session: Session) -> bytes:
    """Carry out one request on `session` and return the answer's JSON."""
    request_id: RequestId = None
    try:
        request = msgspec.json.decode(text)
        request_id = _request_id(request)
        return msgspec.json.encode({"result": _carry_out(request, session), "id": request_id})
    except msgspec.DecodeError:
        error = _InvalidRequestError(3, "Invalid JSON: expected value at line 1 column 1")
    except _InvalidRequestError as invalid:
        error = invalid
    return msgspec.json.encode({"error": {"code": error.code, "msg": str(error)}, "id": request_id})


class _InvalidRequestError(Exception):
    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


def _request_id(request: object) -> RequestId:
    if not isinstance(request, dict):
        raise _InvalidRequestError(2, "Invalid request: expected an object")
    request_id = request.get("id")
    if isinstance(request_id, bool) or not isinstance(request_id, int | str | None):
        raise _InvalidRequestError(2, "Invalid request: request ID must be an unsigned integer")
    if isinstance(request_id, str) and len(request_id) > _MAX_ID_LENGTH:
        raise _InvalidRequestError(2, "Invalid request: request ID must be an unsigned integer")
    return request_id


def _carry_out(request: dict[str, object], session: Session) -> object:
    match request.get("method"):
        case None:
            raise _InvalidRequestError(2, "Invalid request: missing field `method` at line 1 column 1")
        case "SUBSCRIBE":
            session.streams.update(dict.fromkeys(_stream_names(request)))
            return None
        case "UNSUBSCRIBE":
            for stream in _stream_names(request):
                session.streams.pop(stream, None)
            return None
        case "LIST_SUBSCRIPTIONS":
            return list(session.streams)
        case "SET_PROPERTY":
            _set_property(request, session)
            return None
        case "GET_PROPERTY":
            _property_name(request, 1)
            return session.combined
        case unknown:
            expected = ", ".join(f"`{method}`" for method in _METHODS)
            raise _InvalidRequestError(
                2, f"Invalid request: unknown variant `{unknown}`, expected one of {expected} at line 1 column 1"
            )


def _stream_names(request: dict[str, object]) -> list[str]:
    params = request.get("params")
    if not isinstance(params, list) or not params or not all(isinstance(name, str) for name in params):
        raise _InvalidRequestError(2, "Invalid request: params must be a non-empty array of stream names")
    return params


def _property_name(request: dict[str, object], count: int) -> list[object]:
    params = request.get("params")
    if not isinstance(params, list) or not params or not isinstance(params[0], str):
        raise _InvalidRequestError(2, "Invalid request: property name must be a string")
    if len(params) > count:
        raise _InvalidRequestError(2, "Invalid request: too many parameters")
    if params[0] != "combined":
        raise _InvalidRequestError(0, "Unknown property")
    return params


def _set_property(request: dict[str, object], session: Session) -> None:
    params = _property_name(request, 2)
    if len(params) < 2 or not isinstance(params[1], bool):
        raise _InvalidRequestError(1, "Invalid value type: expected Boolean")
    session.combined = params[1]
