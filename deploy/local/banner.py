"""What stands on the terminal once everything runs: where prices come from, addresses, commands to copy."""

from ipaddress import ip_address
from urllib.parse import urlsplit

from rich.markup import escape
from rich.panel import Panel
from rich.table import Table as RichTable

from deploy.local import watch, web
from deploy.local.analytics import Plan
from deploy.local.console import Console
from deploy.local.exchange import Exchange
from deploy.local.ports import Ports
from deploy.local.settings import LauncherSettings

_JSON = "-H 'Content-Type: application/json'"
_ACCOUNT = '{"name":"satoshi","password":"correct horse battery"}'
_COIN = '{"symbol":"btcusdt","quantity":1.5}'
_PICK = """python3 -c 'import json,sys; print(json.load(sys.stdin)["access_token"])'"""
_BEARER = '-H "Authorization: Bearer $TOKEN"'


def show(console: Console, settings: LauncherSettings, ports: Ports, exchange: Exchange, plan: Plan) -> None:
    """Print it all. The commands are not wrapped, so that they can be copied whole."""
    console.print()
    console.print(prices(exchange))
    console.print(addresses(settings, ports, plan))
    for title, command in commands(ports):
        console.print(f"[dim]# {escape(title)}[/]\n{escape(command)}")
    if note := without_https(settings):
        console.print(f"\n[yellow]{escape(note)}[/]")
    console.print("\n[bold]Ctrl-C ends everything; accounts and portfolios stay for the next time.[/]\n")


def prices(exchange: Exchange) -> Panel:
    """Loud, and louder when prices are invented."""
    if exchange.source == "binance":
        return Panel("[bold]Prices are REAL: live from Binance.[/]", style="green", expand=False)
    text = (
        f"[bold]Prices are INVENTED: the built-in simulator feeds them, not the market.[/]\n{escape(exchange.reason)}"
    )
    return Panel(text, style="black on yellow", expand=False)


def without_https(settings: LauncherSettings) -> str:
    """What a browser on another machine does without if it comes by plain HTTP; empty where none does."""
    if is_local(settings.http_host) or settings.insecure_cookies:
        return ""
    origins = [origin.strip() for origin in settings.public_origins.split(",")]
    plain = [one for one in origins if one.startswith("http://") and not is_local(urlsplit(one).hostname or "")]
    if not plain:
        return ""
    return (
        f"Without HTTPS, a login at {' and '.join(plain)} lasts only until the page is reloaded: browsers keep the "
        "cookie that carries it for encrypted connections alone. Put a reverse proxy with a certificate in front; or, "
        "in a network that you trust, start with INSECURE_COOKIES=true (SECURITY.md)."
    )


def is_local(host: str) -> bool:
    """Whether `host` is this machine by name or by address."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def addresses(settings: LauncherSettings, ports: Ports, plan: Plan) -> RichTable:
    """Where to look."""
    table = RichTable(show_header=False)
    table.add_row("the web app", web.missing() or f"http://localhost:{ports.profile}/")
    table.add_row("API, with its documentation", f"http://localhost:{ports.profile}/docs")
    table.add_row("live portfolio (websocket)", f"ws://localhost:{ports.profile}/v2/user/profile/ws")
    table.add_row("operator's page", f"http://localhost:{ports.dashboard}/")
    table.add_row("market API, with its documentation", f"http://localhost:{ports.dashboard}/docs")
    table.add_row("all streams and prices", f"http://localhost:{ports.aggregator}/coins")
    table.add_row("gRPC of authorization", f"localhost:{ports.authorization}")
    table.add_row("gRPC of socket", f"localhost:{ports.socket}")
    if plan.clickhouse_url:
        # Never with its password.
        table.add_row("ClickHouse", plan.clickhouse_url.rpartition("@")[2])
    if plan.kafka_address:
        table.add_row("Kafka", plan.kafka_address)
    operated = {
        "profile": ports.profile_ops,
        "aggregator": ports.aggregator_ops,
        "authorization": ports.authorization_ops,
        "socket": ports.socket_ops,
        "dashboard": ports.dashboard_ops,
        **({"backfill": ports.backfill_ops} if plan.clickhouse_url else {}),
        **({"kafka_clickhouse": ports.kafka_clickhouse_ops} if plan.kafka_address else {}),
    }
    for name, port in operated.items():
        table.add_row(f"metrics of {name}", f"http://localhost:{port}/metrics (also /readyz)")
    table.add_row("logs, secrets", f"{settings.state_dir}")
    return table


def commands(ports: Ports) -> list[tuple[str, str]]:
    """The first steps, in the order in which one takes them."""
    api = f"localhost:{ports.profile}"
    live = f"ws://{api}/v2/user/profile/ws"
    elsewhere = "" if live == watch.URL else f" {live}"
    return [
        ("register", f"curl -s {api}/v1/register {_JSON} -d '{_ACCOUNT}'"),
        ("log in, and keep the token", f"TOKEN=$(curl -s {api}/v1/login {_JSON} -d '{_ACCOUNT}' | {_PICK})"),
        ("add a coin", f"curl -s {api}/v2/coin/symbol {_BEARER} {_JSON} -d '{_COIN}'"),
        ("watch the portfolio live (npm install -g wscat)", f"wscat {_BEARER} -c {live}"),
        ("the same without Node", f'.venv/bin/python -m deploy.local.watch "$TOKEN"{elsewhere}'),
    ]
