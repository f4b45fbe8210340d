"""Query parameters, read as Binance reads them."""

import msgspec
from starlette.requests import Request

from simulator.errors import RequestError


def required(request: Request, name: str) -> str:
    """The parameter's text. Raises `RequestError` -1102 without it."""
    value = request.query_params.get(name, "")
    if not value:
        raise RequestError(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")
    return value


def optional_int(request: Request, name: str) -> int | None:
    """The parameter's number, None without it. Raises `RequestError` -1100 for anything but digits."""
    value = request.query_params.get(name)
    if value is None:
        return None
    if not (value.isascii() and value.isdigit() and len(value) <= 19):
        raise RequestError(-1100, f"Illegal characters found in parameter '{name}'; legal range is '^[0-9]{{1,20}}$'.")
    return int(value)


def symbol_names(request: Request) -> list[str] | None:
    """What `symbol=` or `symbols=["…"]` name; None when neither is given."""
    if "symbol" in request.query_params:
        return [required(request, "symbol")]
    if "symbols" not in request.query_params:
        return None
    try:
        return msgspec.json.decode(request.query_params["symbols"], type=list[str])
    except msgspec.DecodeError:
        raise RequestError(-1101, "Parameter 'symbols' was malformed.") from None
