"""Every metric of kafka_clickhouse."""

from prometheus_client import Counter, Gauge, Histogram

_PARTITION = ("topic", "partition")

ROWS = Counter("kafka_clickhouse_rows", "Messages stored in ClickHouse.")
BATCHES = Counter("kafka_clickhouse_batches", "Inserts that were confirmed.")
BATCH_ROWS = Histogram(
    "kafka_clickhouse_batch_rows",
    "Rows of an insert.",
    buckets=(1, 10, 100, 500, 1_000, 5_000, 10_000, 20_000, 50_000, 100_000),
)
INSERT_SECONDS = Histogram(
    "kafka_clickhouse_insert_seconds",
    "From sending an insert to ClickHouse's confirmation; failed attempts are not among them.",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
AGE_SECONDS = Histogram(
    "kafka_clickhouse_age_seconds",
    "End to end: from a batch's first receive_time to its being stored and committed.",
    buckets=(0.25, 0.5, 1, 1.5, 2, 3, 5, 10, 30, 60, 300, 900, 3_600),
)
NEWEST_AGE = Gauge(
    "kafka_clickhouse_newest_age_seconds",
    "Our clock minus the last receive_time of a partition's last stored batch: it grows while nothing is stored.",
    _PARTITION,
)

LAG = Gauge("kafka_clickhouse_lag_messages", "Messages of a partition that are not stored yet.", _PARTITION)
BUFFERED = Gauge("kafka_clickhouse_buffered_messages", "Messages read and not stored yet.", _PARTITION)
LOST = Counter(
    "kafka_clickhouse_messages_lost",
    "Messages of a partition that Kafka's retention deleted before they were stored.",
    _PARTITION,
)
PAUSES = Counter("kafka_clickhouse_pauses", "Times a partition was paused because its buffer was full.")
STOPPED = Gauge(
    "kafka_clickhouse_stopped",
    "1 while a partition is stopped because most of its messages fail.",
    _PARTITION,
)

INSERT_FAILURES = Counter(
    "kafka_clickhouse_insert_failures",
    "Inserts that failed: down (will be repeated), refused (something in it cannot be stored).",
    ["kind"],
)
DEAD_LETTERS = Counter(
    "kafka_clickhouse_dead_letters",
    "Messages set aside: undecodable, refused (by ClickHouse).",
    ["kind"],
)
DEAD_LETTER_FAILURES = Counter(
    "kafka_clickhouse_dead_letter_failures",
    "Attempts to write to the dead-letter topic that failed; they are repeated.",
)
COMMIT_FAILURES = Counter(
    "kafka_clickhouse_commit_failures", "Commits that failed: what they cover will be stored once more, to no effect."
)
REBALANCES = Counter("kafka_clickhouse_rebalances", "Times this consumer got partitions assigned.")
DRAINS_CUT = Counter(
    "kafka_clickhouse_drains_cut", "Partitions given away before all that was read from them was stored."
)
CONSUMERS_FAILED = Counter("kafka_clickhouse_consumers_failed", "Kafka consumers that failed and were replaced.")
