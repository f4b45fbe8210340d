"""An aggregator on a real port that follows the test's script, and records its requests."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal
from urllib.parse import parse_qs, urlsplit

SYMBOLS = ("btcusdt", "ethusdt", "dogeusdt", "币安人生usdt")


@dataclass(slots=True)
class ScriptedAggregator:
    """`kind` is the aggregator it plays. `followed` is what it would stream now, by follower id."""

    kind: Literal["ours", "go", "failing", "garbled", "starting", "delisted", "not_trading"] = "ours"
    port: int = 0
    requests: list[str] = field(default_factory=list)
    followed: dict[str, set[str]] = field(default_factory=dict)
    unknown: set[str] = field(default_factory=set)
    """What a renewal skips."""
    named: list[str] = field(default_factory=list)
    """Every symbol of every renewal."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def all_followed(self) -> set[str]:
        return {symbol for symbols in self.followed.values() for symbol in symbols}

    def answer(self, method: str, target: str, body: bytes) -> tuple[int, object]:
        parts = urlsplit(target)
        query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        self.requests.append(f"{method} {parts.path}")
        if self.kind == "failing":
            return 500, {"error": "SELECT * FROM secrets", "code": "boom"}
        if parts.path == "/coin":
            return self._coin(method, query["id"], query["symbol"])
        if method == "PUT" and parts.path.startswith("/followers/") and self.kind != "go":
            symbols = json.loads(body)["symbols"]
            self.named += symbols
            self.followed[parts.path.removeprefix("/followers/")] = set(symbols) - self.unknown
            return 200, {"symbols": symbols, "unknown": {name: [] for name in self.unknown}, "expires_in_s": 15}
        return 404, {"error": "404 page not found"}

    def _coin(self, method: str, follower: str, symbol: str) -> tuple[int, object]:
        if self.kind == "garbled":
            return 200, "<html>"
        if self.kind == "starting":
            return 503, {"error": "wait", "code": "symbols_unknown"}
        if self.kind in ("delisted", "not_trading"):
            return 409, {"error": "no", "code": self.kind}
        if symbol not in SYMBOLS:
            return 404, {"error": "no", "code": "unknown_symbol", "near": ["btcusdt"]}
        held = self.followed.setdefault(follower, set())
        if method == "DELETE":
            held.discard(symbol)
            return 200, {"status": f"for user number {follower} stopped", "symbol": symbol}
        held.add(symbol)
        return 200, {"status": "started", "symbol": symbol}


@contextmanager
def serving(aggregator: ScriptedAggregator) -> Iterator[ScriptedAggregator]:
    """Serve `aggregator` on a free port while the context is open."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 5

        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", "0")))
            status, content = aggregator.answer(self.command, self.path, body)
            payload = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)

        do_GET = do_PUT = do_DELETE = _serve  # noqa: N815 - the names the base class looks for

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        aggregator.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield aggregator
        server.shutdown()
        thread.join()
