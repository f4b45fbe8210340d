"""An exchange's REST interface on a real port with scripted answers, for what the simulator never does."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

MINUTE_MS = 60_000


@dataclass(frozen=True, slots=True)
class Answer:
    body: object
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


Script = Callable[[str, dict[str, str]], Answer]
"""From path and query to the answer."""


@dataclass(slots=True)
class ScriptedExchange:
    url: str
    script: Script
    requests: list[dict[str, str]] = field(default_factory=list)
    """The queries of all requests for klines."""

    def answer(self, target: str) -> Answer:
        parts = urlsplit(target)
        query = dict(parse_qsl(parts.query))
        if parts.path == "/api/v3/klines":
            self.requests.append(query)
        return self.script(parts.path, query)


@contextmanager
def scripted_exchange(script: Script) -> Iterator[ScriptedExchange]:
    """Serve until left."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer = exchange.answer(self.path)
            body = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
            self.send_response(answer.status)
            for name, value in {"Content-Length": str(len(body)), **answer.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    exchange = ScriptedExchange(f"http://127.0.0.1:{server.server_port}", script)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield exchange
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def row(minute: int, **changes: object) -> list[object]:
    """A kline of the 1 m interval, as the exchange writes it. `changes` name what differs."""
    fields: dict[str, object] = {
        "open_ms": minute * MINUTE_MS,
        "open": "3.00000000",
        "high": "5.00000000",
        "low": "2.00000000",
        "close": "4.00000000",
        "volume": "10.00000000",
        "close_ms": minute * MINUTE_MS + MINUTE_MS - 1,
        "quote_volume": "35.00000000",
    }
    return [*{**fields, **changes}.values(), 7, "1.00000000", "2.00000000", "0"]
