"""A real Kafka broker, one node in KRaft mode: the system's where found, else the one that Maven fetches.

It listens on 127.0.0.1 alone. What lies in its directory survives a kill at any moment.
"""

import asyncio
import base64
import logging
import os
import shutil
import subprocess
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError

from deploy.local import kafka_config, kafka_jars
from deploy.local.account import Account, as_account, private_dir, reachable_copy, reachable_state_dir

missing = kafka_jars.missing

MODEST = ("-Xms64m", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:+ExitOnOutOfMemoryError")
"""Options of the Java machine that suit one node with few clients: code that is compiled soon rather than well."""

# Its words about a broker that is not there yet would stand between the launcher's own.
logging.getLogger("aiokafka").addHandler(logging.NullHandler())


@dataclass(frozen=True, slots=True)
class KafkaServer:
    """A formatted node: how to start it and how to reach it."""

    java: Path
    jars: Path
    data_dir: Path
    port: int
    account: Account | None = None
    env: Mapping[str, str] = field(default_factory=lambda: {"LC_ALL": "C.UTF-8"})
    """Java takes the names of files for what the locale makes of them."""

    @property
    def command(self) -> list[str]:
        """The foreground server. Stop it with SIGTERM."""
        return [*self.java_command, "kafka.Kafka", str(self.data_dir / "server.properties")]

    @property
    def java_command(self) -> list[str]:
        """Java, ready for the name of a class of Kafka's."""
        logs = f"-Dlog4j2.configurationFile={self.data_dir / 'log4j2.xml'}"
        return [str(self.java), *MODEST, logs, "-cp", f"{self.jars}/*"]

    @property
    def bootstrap(self) -> str:
        """What clients call `bootstrap_servers`."""
        return f"127.0.0.1:{self.port}"


def prepare(
    data_dir: Path,
    port: int,
    controller_port: int,
    account: Account | None = None,
    properties: str = "",
) -> KafkaServer:
    """Find or fetch Kafka (the first time, seconds to minutes), and format `data_dir` (or where `account` can reach).

    `properties` are lines that change the configuration. Raises RuntimeError with a sentence for a person.
    """
    if lacking := missing():
        raise RuntimeError(lacking)
    java = kafka_jars.java(account)
    if java is None:
        raise RuntimeError(kafka_jars.OUT_OF_REACH)
    jars = kafka_jars.system_jars() or kafka_jars.fetched_jars()
    jars = reachable_copy(jars.parent, [jars.name], account) / jars.name
    data_dir = private_dir(reachable_state_dir(data_dir, account), account)
    if "," in str(data_dir):
        raise RuntimeError(f"Kafka would take a directory with a comma in its name for two: {data_dir}")
    server = KafkaServer(java, jars, data_dir, port, account)
    _write(data_dir / "log4j2.xml", kafka_config.LOGGING, account)
    topics = data_dir / "topics"
    if not topics.exists():
        _format(server, topics, controller_port)
    _write(
        data_dir / "server.properties",
        kafka_config.properties(topics, port, controller_port, properties),
        account,
    )
    return server


def _format(server: KafkaServer, topics: Path, controller_port: int) -> None:
    """Format beside the place and move it there when whole: an interrupted one is never mistaken for one."""
    partial = topics.with_name(f"{topics.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    _write(
        server.data_dir / "server.properties",
        kafka_config.properties(partial, server.port, controller_port),
        server.account,
    )
    cluster_id = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    # Joined by `=`, for one in 64 begins with a hyphen.
    arguments = ("kafka.tools.StorageTool", "format", f"--cluster-id={cluster_id}", "--config")
    try:
        subprocess.run(
            [*server.java_command, *arguments, str(server.data_dir / "server.properties")],
            check=True,
            capture_output=True,
            text=True,
            errors="replace",
            cwd="/",
            env={**os.environ, **server.env},
            **as_account(server.account),
        )
    except subprocess.CalledProcessError as error:
        raise RuntimeError(f"Kafka could not make its files: {(error.stderr or error.stdout).strip()}") from error
    partial.rename(topics)


def _write(path: Path, text: str, account: Account | None) -> None:
    """Write a new file for `account`. The directory is the account's: what lies there already is not trusted."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        if account:
            os.fchown(file.fileno(), account.uid, account.gid)
        file.write(text)


async def wait_until_ready(server: KafkaServer, timeout_s: float = 60.0) -> None:
    """Return once the broker answers. Raises TimeoutError."""
    async with asyncio.timeout(timeout_s):
        while True:
            try:
                await check(server)
            except (KafkaError, OSError):
                await asyncio.sleep(0.05)
                continue
            return


async def check(server: KafkaServer) -> None:
    """A readiness check: raises unless the broker answers and is one."""
    await check_address(server.bootstrap)


async def check_address(bootstrap: str) -> None:
    """The same for any address, the first of `bootstrap`."""
    host, _, port = bootstrap.split(",")[0].rpartition(":")
    async with asyncio.timeout(2):
        _, writer = await asyncio.open_connection(host, int(port))
    writer.close()
    client = AIOKafkaClient(bootstrap_servers=bootstrap, request_timeout_ms=2000)
    try:
        await client.bootstrap()
    finally:
        await client.close()
