"""Which proxy of the environment is used, and what becomes of one that cannot be."""

import os
import subprocess
import sys

import pytest
from websockets.proxy import parse_proxy

from services.common.network import Proxy, UnusableProxyError, proxy_for

EXCHANGE = ("wss://stream.example", "https://rest.example")
VARIABLES = ("http", "https", "all", "no", "ws", "wss", "socks")


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for kind in VARIABLES:
        monkeypatch.delenv(f"{kind}_proxy", raising=False)
        monkeypatch.delenv(f"{kind}_proxy".upper(), raising=False)


@pytest.mark.parametrize("url", EXCHANGE)
@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"])
@pytest.mark.parametrize("value", ["http://127.0.0.1:9", "127.0.0.1:9"])
def test_an_http_proxy_is_used_with_or_without_a_scheme(
    url: str, variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    assert proxy_for(url) == Proxy("http://127.0.0.1:9", variable)


@pytest.mark.parametrize("url", ["ws://127.0.0.1:9443", "http://localhost:9444", "wss://stream.example:9443"])
def test_this_machine_and_what_no_proxy_names_are_reached_directly(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:7891")
    monkeypatch.setenv("NO_PROXY", "example")
    assert proxy_for(url) is None


@pytest.mark.parametrize("value", ["http://user@host:3128", "http://user:@host:3128/", "user@host:3128"])
def test_a_user_may_have_no_password(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", value)
    proxy = proxy_for(EXCHANGE[0])
    assert proxy is not None
    understood = parse_proxy(proxy.url)
    assert (understood.username, understood.password, understood.host) == ("user", "", "host")


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("socks://127.0.0.1:7891/", "ALL_PROXY names a socks proxy; only HTTP proxies"),
        ("socks5://127.0.0.1:7891", "ALL_PROXY names a socks5 proxy"),
        ("socks5h://127.0.0.1:7891", "ALL_PROXY names a socks5h proxy"),
        ("http://", "ALL_PROXY must name a proxy as"),
        ("http://host:port", "ALL_PROXY must name a proxy as"),
        ("http://[::1", "ALL_PROXY must name a proxy as"),
        ("http://user:7891@host:3128/path", "ALL_PROXY must name a proxy as"),
        ("http://user:7891@host:3128?query", "ALL_PROXY must name a proxy as"),
        ("http://user:7891@host:3128#fragment", "ALL_PROXY must name a proxy as"),
        ("http://user:7891/1@host:3128", "ALL_PROXY must name a proxy as"),
    ],
)
@pytest.mark.parametrize("url", EXCHANGE)
def test_a_proxy_that_cannot_be_used_is_named(
    url: str, value: str, problem: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALL_PROXY", value)
    with pytest.raises(UnusableProxyError) as refused:
        proxy_for(url)
    assert problem in str(refused.value)
    assert "7891" not in str(refused.value)


@pytest.mark.parametrize(
    "command",
    [
        ["services.socket"],
        ["services.kafka_clickhouse", "backfill", "btcusdt", "--days", "1"],
    ],
)
def test_services_end_with_one_sentence_that_names_the_variable(command: list[str]) -> None:
    environment = {
        "PATH": os.environ["PATH"],
        "ALL_PROXY": "socks://127.0.0.1:7891/",
        "CLICKHOUSE_URL": "http://a:b@127.0.0.1:9/crypto",
    }
    ended = subprocess.run(
        [sys.executable, "-m", *command], env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert ended.returncode == 2
    assert ended.stderr.count("\n") == 1
    assert "ALL_PROXY names a socks proxy" in ended.stderr
