"""The market API, and the operator's page, over Redis and ClickHouse."""
