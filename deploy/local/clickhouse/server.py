"""How the launcher and the tests start the local ClickHouse, and how anybody reaches it."""

import asyncio
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import httpx

from deploy.local.account import Account, own_all, reachable_state_dir

DIRECTORY = Path(sys.prefix) / "chdb"
"""Where `make setup` put the engine: on no other process's path."""
USER = "crypto"
READER = "crypto_reader"
DATABASE = "crypto"


@dataclass(frozen=True, slots=True)
class ClickHouseServer:
    """How to start the server and how to reach it."""

    data_dir: Path
    port: int
    password: str
    reader_password: str

    @property
    def command(self) -> list[str]:
        """The foreground server, from the repository's directory. Stop with SIGTERM."""
        return [sys.executable, "-m", "deploy.local.clickhouse"]

    @property
    def env(self) -> dict[str, str]:
        """Its settings, among them the passwords, which no other account may read from there."""
        return {
            "DATA_DIR": str(self.data_dir),
            "HTTP_PORT": str(self.port),
            "CLICKHOUSE_USER": USER,
            "CLICKHOUSE_PASSWORD": self.password,
            "CLICKHOUSE_DB": DATABASE,
            "CLICKHOUSE_READER": READER,
            "CLICKHOUSE_READER_PASSWORD": self.reader_password,
        }

    @property
    def url(self) -> str:
        """CLICKHOUSE_URL for what writes."""
        return self._url(USER, self.password)

    @property
    def reader_url(self) -> str:
        """CLICKHOUSE_URL for what only reads."""
        return self._url(READER, self.reader_password)

    def _url(self, user: str, password: str) -> str:
        return f"http://{user}:{quote(password, safe='')}@127.0.0.1:{self.port}/{DATABASE}"


def available() -> bool:
    """Whether the engine is there: not every platform has one."""
    return next((DIRECTORY / "chdb").glob("_chdb*.so"), None) is not None


def prepare(
    data_dir: Path, port: int, password: str, reader_password: str, account: Account | None = None
) -> ClickHouseServer:
    """Make the directory for the data, or give it to `account`, which will run the engine, where that can reach it.

    Raises RuntimeError where there is no engine, or the directory cannot be.
    """
    if not available():
        raise RuntimeError("no ClickHouse engine for this platform: set CLICKHOUSE_URL to a server")
    if "?" in str(data_dir):  # settings follow one; the data would lie elsewhere
        raise RuntimeError(f"the ClickHouse engine cannot keep its data below a question mark: {data_dir}")
    reachable = reachable_state_dir(data_dir, account)
    if reachable != data_dir and data_dir.exists() and not reachable.exists():  # root has run the engine itself
        shutil.move(data_dir, reachable)
    reachable.mkdir(mode=0o700, parents=True, exist_ok=True)
    reachable.chmod(0o700)
    own_all(reachable, account)
    data_dir = reachable
    return ClickHouseServer(data_dir, port, password, reader_password)


async def check(server: ClickHouseServer) -> None:
    """A readiness check: raises unless the server answers a query."""
    async with httpx.AsyncClient(trust_env=False, timeout=3, auth=(USER, server.password)) as client:
        answer = await client.get(
            f"http://127.0.0.1:{server.port}/", params={"query": "SELECT 1", "database": DATABASE}
        )
        answer.raise_for_status()


async def wait_until_ready(server: ClickHouseServer, timeout_s: float = 60.0) -> None:
    """Return once the server answers a query. Raises TimeoutError."""
    async with asyncio.timeout(timeout_s):
        while True:
            try:
                await check(server)
            except httpx.HTTPError:
                await asyncio.sleep(0.05)
                continue
            return
