"""Kafka to ClickHouse in batches, and the schema of what is kept."""
