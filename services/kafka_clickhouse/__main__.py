"""`python -m services.kafka_clickhouse` serves; `migrate` and `backfill SYMBOL …` do their work and exit."""

import asyncio
import sys

from services.common.lifecycle import run
from services.common.logging import configure_logging
from services.common.settings import load_settings
from services.kafka_clickhouse.app import app
from services.kafka_clickhouse.errors import KafkaClickHouseError
from services.kafka_clickhouse.migrate import upgrade
from services.kafka_clickhouse.settings import KafkaClickHouseSettings, MigrationSettings


def main() -> None:
    match sys.argv[1:]:
        case []:
            run("kafka_clickhouse", load_settings(KafkaClickHouseSettings), app)
        case ["migrate"]:
            migrate(load_settings(MigrationSettings))
        case ["backfill", *arguments]:
            from services.backfill.command import main as backfill

            sys.exit(backfill(arguments))
        case ["import-go", *arguments]:
            from services.kafka_clickhouse.import_go import main as import_go

            sys.exit(import_go(arguments, load_settings(MigrationSettings).clickhouse_url))
        case _:
            sys.exit("usage: python -m services.kafka_clickhouse [migrate | backfill SYMBOL … | import-go --from URL]")


def migrate(settings: MigrationSettings) -> None:
    """Bring the database up to date, or end the process with a sentence (exit code 1)."""
    configure_logging("kafka_clickhouse", settings.log_level, settings.log_format)
    ttl_days = {
        "market_tickers": settings.tickers_ttl_days,
        "candles_1s_states": settings.candles_1s_ttl_days,
        "trades": settings.trades_ttl_days,
    }
    try:
        asyncio.run(upgrade(settings.clickhouse_url, ttl_days))
    except KafkaClickHouseError as error:
        sys.exit(f"migrate: {error}")


if __name__ == "__main__":
    main()
