"""From nothing to a running system, and back to nothing: the only place where the launcher is put together."""

import asyncio
import os
import signal
import stat
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from deploy.local import (
    analytics,
    backfill,
    banner,
    disk,
    exchange,
    kafka_jars,
    ports,
    postgres,
    postgres_binaries,
    redis,
)
from deploy.local.account import outside_dir, outside_state_dir, private_dir, unprivileged_account
from deploy.local.analytic_table import AnalyticTable
from deploy.local.component import Component
from deploy.local.confinement import Confinement
from deploy.local.confinement import prepare as confinement_of_services
from deploy.local.console import Console
from deploy.local.credentials import Credentials, load_or_make
from deploy.local.environments import Environments
from deploy.local.errors import LaunchError
from deploy.local.exchange import Exchange
from deploy.local.lock import only_launcher
from deploy.local.ports import Ports
from deploy.local.settings import LauncherSettings
from deploy.local.supervisor import Supervisor, supervise
from deploy.local.table import Table

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
READY_LIMIT_S = 60.0
"""After so long the addresses are shown even if something is not ready."""
SECOND_SIGNAL_S = 1.0
"""Signals closer together are one: `make` passes on what the whole process group has received already."""


async def launch(settings: LauncherSettings) -> int:
    """Run until Ctrl-C, SIGTERM or SIGHUP; the exit code for the process."""
    try:
        state_dir = prepare_state_dir(settings.state_dir)
    except OSError as error:
        sys.stderr.write(f"Accounts, secrets and logs cannot be kept in {settings.state_dir}: {error}\n")
        return 1
    console = Console(state_dir / "logs")
    try:
        with only_launcher(state_dir):
            async with supervise(console) as supervisor:
                problem = await _run_until_stopped(settings, console, supervisor)
            console.report("everything has ended")
            if problem is None:
                return 0
            raise problem
    except LaunchError as error:
        console.report(str(error), "bold red")
        return 1
    finally:
        console.close()


def prepare_state_dir(path: Path) -> Path:
    """Make it, closed to others; as root only its names are, so that the databases' account may pass through.

    Raises OSError, also when it is root that would take another account's directory.
    """
    if path.exists() and os.geteuid() == 0 and path.stat().st_uid != 0:
        raise PermissionError(f"{path.owner()} has made it. Run as that account, not as root.")
    mode = 0o711 if os.geteuid() == 0 else 0o700
    path.mkdir(mode, parents=True, exist_ok=True)
    # Never closed meanwhile: it may be that of a running launcher, whose databases pass through.
    if stat.S_IMODE(path.stat().st_mode) != mode:
        path.chmod(mode)
    private_dir(path / "logs", None)
    return path


async def _run_until_stopped(
    settings: LauncherSettings, console: Console, supervisor: Supervisor
) -> LaunchError | None:
    """None after a signal, else what keeps us from starting."""
    stopped = _on_signals(console, supervisor)
    starting = asyncio.create_task(_bring_up(settings, console, supervisor))
    waiting = asyncio.create_task(stopped.wait())
    watching = asyncio.create_task(_watch_disks(settings, console))
    try:
        await asyncio.wait([starting, waiting], return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            starting.result()
        await waiting
    except LaunchError as error:
        return error
    finally:
        for task in (waiting, starting, watching):
            task.cancel()
    return None


async def _watch_disks(settings: LauncherSettings, console: Console) -> None:
    outside = outside_dir()
    places = [settings.state_dir, *([outside] if outside.exists() else [])]
    # One sentence a disk.
    disks = {place.stat().st_dev: place for place in reversed(places)}
    await disk.watch(disks.values(), lambda sentence: console.report(sentence, "bold yellow"))


def _on_signals(console: Console, supervisor: Supervisor) -> asyncio.Event:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    first_at = 0.0

    def receive(received: signal.Signals) -> None:
        nonlocal first_at
        if not stopped.is_set():
            first_at = time.monotonic()
            console.report(f"{received.name}: ending everything, in order (once more to hurry)", "bold")
            stopped.set()
        elif time.monotonic() - first_at > SECOND_SIGNAL_S and not supervisor.hurry.is_set():
            console.report(f"{received.name} again: ending at once", "bold")
            supervisor.hurry.set()

    for number in STOP_SIGNALS:
        # nohup means it; a shell lets what a script starts with & ignore SIGINT, and means nothing by that.
        if number is not signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
            loop.add_signal_handler(number, receive, number)
    return stopped


async def _bring_up(settings: LauncherSettings, console: Console, supervisor: Supervisor) -> None:
    """Start everything in order and show the addresses; the analytic contour last, as prices do not need it."""
    started = time.monotonic()
    fixed = Ports().shifted(settings.port_offset)
    credentials = _credentials(settings, console)
    choosing = asyncio.create_task(_choose_exchange(settings, console, fixed))
    planning = asyncio.create_task(analytics.plan(settings, fixed, credentials.passwords))
    try:
        table = await _prepare(settings, console, fixed, credentials)
        confinement = await _confinement(settings, console)
        await _require_free_ports(table.stores() + table.services(exchange.BINANCE, ""), console)
        supervisor.start(confinement.confine(table.stores()))
        chosen, plan = await choosing, await planning
    finally:
        choosing.cancel()
        planning.cancel()
    console.report(f"prices will come from {chosen.source}: {chosen.reason}", "bold")
    services = table.services(chosen, plan.kafka_address)
    await _require_free_ports(services, console)
    supervisor.start(confinement.confine(services))
    missing = await supervisor.until_ready(READY_LIMIT_S)
    banner.show(console, settings, fixed, chosen, plan)
    for name, what in missing.items():
        console.report(f"{name} is not ready yet: {what}", "bold red")
    if not missing:
        console.report(f"prices are live after {time.monotonic() - started:.1f} s", "bold")
    supervisor.start(confinement.confine([table.web()]))  # nothing waits for the page
    await _bring_up_analytics(AnalyticTable(table, plan, confinement), chosen, console, supervisor)
    await supervisor.until_ready(None)
    console.report(f"everything is ready after {time.monotonic() - started:.1f} s", "bold")


async def _confinement(settings: LauncherSettings, console: Console) -> Confinement:
    try:
        return await asyncio.to_thread(confinement_of_services, settings.state_dir, console.report)
    except (RuntimeError, OSError) as error:
        raise LaunchError(str(error)) from error


async def _bring_up_analytics(
    contour: AnalyticTable, chosen: Exchange, console: Console, supervisor: Supervisor
) -> None:
    """Start what of the analytic contour can run; the rest is reported, and keeps nothing else from running."""
    settings, plan = contour.table.environments.settings, contour.plan
    backfill.forget(settings.state_dir)
    if plan.note:
        console.report(plan.note, "yellow")
    await _start_or_report(contour.confined([contour.dashboard()]), console, supervisor)
    if not plan.clickhouse_url or not await _start_or_report(contour.confined(contour.storage()), console, supervisor):
        return
    try:
        backfill.remember(settings.state_dir, contour.backfill_env(chosen))
    except OSError as error:
        console.report(f"`make backfill` will not find this run: {error}", "yellow")
    await _start_or_report(contour.confined([contour.filling(chosen)]), console, supervisor)
    if plan.kafka_address:
        await _bring_up_kafka(contour, console, supervisor)


async def _bring_up_kafka(contour: AnalyticTable, console: Console, supervisor: Supervisor) -> None:
    table, broker = contour.table, None
    if contour.plan.our_kafka:
        if not kafka_jars.are_here():
            console.report("fetching Kafka with Maven (once)")
            supervisor.start([contour.jars()])
            await supervisor.keepers["kafka-jars"].ready.wait()
        try:
            broker = await analytics.prepare_kafka(
                table.environments.settings, table.ports, table.kafka_controller_port
            )
        except LaunchError as error:
            console.report(str(error), "yellow")
            return
    await _start_or_report(contour.confined(contour.recording(broker)), console, supervisor)


async def _start_or_report(components: Sequence[Component], console: Console, supervisor: Supervisor) -> bool:
    """Whether these were started; if their ports are held they are left out, and that is reported."""
    try:
        await _require_free_ports(components, console)
    except LaunchError as error:
        console.report(str(error), "yellow")
        return False
    supervisor.start(components)
    return True


async def _require_free_ports(components: Sequence[Component], console: Console) -> None:
    await ports.require_free([(one.name, port) for one in components for port in one.ports], console.report)


async def _choose_exchange(settings: LauncherSettings, console: Console, fixed: Ports) -> Exchange:
    if settings.exchange == "auto":
        console.report(f"asking whether Binance can be reached ({exchange.PROBE_LIMIT_S:g} s at most)")
    fallback = exchange.simulator(fixed.simulator_stream, fixed.simulator_rest)
    return await exchange.choose(settings.exchange, fallback, exchange.BINANCE)


def _credentials(settings: LauncherSettings, console: Console) -> Credentials:
    path = settings.state_dir / "secrets.json"
    databases = settings.state_dir / "postgres"
    if not path.exists() and (databases.exists() or outside_state_dir(databases).exists()):
        raise LaunchError(
            f"{path} is missing, which holds the passwords of the databases: put a copy of it back. "
            "Without a copy, `make clean` deletes all accounts and portfolios and begins anew."
        )
    if not path.exists():
        console.report(f"first run: making secrets and databases in {settings.state_dir}")
    try:
        return load_or_make(path)
    except OSError as error:
        raise LaunchError(f"secrets cannot be kept in {settings.state_dir}: {error}") from error


async def _prepare(settings: LauncherSettings, console: Console, fixed: Ports, credentials: Credentials) -> Table:
    """Private ports, the servers' files. Raises `LaunchError`."""
    state = settings.state_dir
    try:
        private = ports.private_ports(("postgres", "redis", "kafka"), state / "ports.json", fixed.all())
        account = unprivileged_account()
        server = await asyncio.to_thread(
            postgres.prepare,
            state / "postgres",
            private["postgres"],
            credentials.passwords["postgres"],
            ("-c", "log_checkpoints=off"),
            postgres_binaries.bundled_bin_dirs() if settings.bundled_servers else None,
        )
        cache = redis.prepare(
            state / "redis",
            private["redis"],
            credentials.passwords["redis"],
            account,
            redis.bundled_binaries() if settings.bundled_servers else None,
            {name: credentials.passwords[f"redis_{name}"] for name in redis.SERVICES},
        )
    except (RuntimeError, OSError) as error:
        raise LaunchError(str(error)) from error
    console.report(f"PostgreSQL: {server.bin_dir}, files in {server.data_dir}")
    console.report(f"Redis: {cache.binary}, files in {cache.data_dir}")
    for note in filter(None, (server.note, cache.note)):
        console.report(note, "yellow")
    return Table(Environments(settings, fixed, credentials, server, cache), private["kafka"])
