"""Settings of the simulator, read from the environment (upper case)."""

from pathlib import Path

from pydantic import Field

from services.common.settings import ServiceSettings


class SimulatorSettings(ServiceSettings):
    host: str = "127.0.0.1"
    stream_port: int = Field(default=9443, ge=0, le=65535)
    rest_port: int = Field(default=9444, ge=0, le=65535)
    """REST and control. Never a public interface: anyone who reaches it can break the exchange."""

    seed: int = 1
    start_ms: int | None = Field(default=None, ge=1_500_000_000_000, le=4_000_000_000_000)
    """When the live market begins: fixes start prices and ids. Unset: now, or the recording's first line."""
    symbol_count: int = Field(default=400, ge=1, le=479)
    rate: float = Field(default=1.0, ge=0, le=1000)
    """Multiplies trade rates; at 1, BTCUSDT trades 15 times a second. 0: only what is asked for by control."""

    journal: Path | None = None
    """A file for the whole journal, overwritten at start."""
    journal_size: int = Field(default=30_000, ge=1)
    """Journal records in memory, and trades that REST can still answer with."""

    recording: Path | None = None
    """Lines of `<ns> {"stream":…,"data":…}`, plain or .gz, to replay instead of an invented market."""
    recording_speed: float = Field(default=1.0, ge=0)
    """1: as recorded; 0: as fast as the subscribers take it."""
    recording_wait_for: str = ""
    """Replay from the first subscription to this stream on; empty: at once."""

    connect_limit: int = Field(default=300, ge=0)
    """Connection attempts per address in 5 minutes; 0: no limit."""
    ping_interval_s: float = Field(default=20.0, gt=0)
    pong_timeout_s: float = Field(default=60.0, gt=0)
    connection_lifetime_s: float = Field(default=86_400.0, gt=0)
