"""The words of the allow-list: statements, functions, engines, settings, tables. Pure."""

import re
from collections.abc import Mapping

READS = frozenset(["ExplainQuery", "SelectIntersectExceptQuery", "SelectWithUnionQuery", "ShowTablesQuery"])
"""Types of statements, as the engine's parser calls them."""
WRITES = frozenset(
    [
        "AlterQuery",
        "CreateQuery",
        "DeleteQuery",
        "DropQuery",
        "InsertQuery",
        "OptimizeQuery",
        "RenameQuery",
        "SetQuery",
        "UpdateQuery",
        "UseQuery",
    ]
)
TABLE_FUNCTIONS = frozenset(
    [
        "generate_series",
        "generaterandom",
        "generateseries",
        "null",
        "numbers",
        "numbers_mt",
        "primes",
        "values",
        "view",
        "zeros",
        "zeros_mt",
    ]
)
"""In lower case: those that make their rows themselves, or from their arguments."""
TABLE_AND_ORDINARY_FUNCTIONS = frozenset({"format"})
"""Table functions whose names ordinary functions have, too."""
REFUSED_FUNCTIONS = re.compile(
    r"(file|filesystem\w*|ai[a-z]+|dictget\w*|evalmlmethod|catboost\w*|showcertificate|getserversetting|logtrace)$",
    re.IGNORECASE,
)
"""Ordinary functions that reach beyond their arguments; the engine asks no grant for `file`."""
ENGINES = frozenset(
    [
        "AggregatingMergeTree",
        "CoalescingMergeTree",
        "CollapsingMergeTree",
        "MaterializedView",
        "Memory",
        "MergeTree",
        "Null",
        "ReplacingMergeTree",
        "SummingMergeTree",
        "VersionedCollapsingMergeTree",
        "View",
    ]
)
DATABASE_ENGINES = frozenset({"Atomic"})
SYSTEM_DATABASES = frozenset({"system", "information_schema"})
"""In lower case."""
READERS_SYSTEM_TABLES = frozenset(["numbers", "numbers_mt", "one", "settings", "zeros", "zeros_mt"])
"""What clickhouse-connect asks for, and generators of rows."""
SYSTEM_TABLES = frozenset(
    [
        "asynchronous_metrics",
        "build_options",
        "columns",
        "data_type_families",
        "databases",
        "events",
        "formats",
        "functions",
        "merges",
        "metrics",
        "mutations",
        "numbers",
        "numbers_mt",
        "one",
        "parts",
        "parts_columns",
        "processes",
        "settings",
        "table_engines",
        "table_functions",
        "tables",
        "zeros",
        "zeros_mt",
    ]
)
ALTERATIONS = frozenset(
    [
        "ADD_COLUMN",
        "ADD_CONSTRAINT",
        "ADD_INDEX",
        "COMMENT_COLUMN",
        "DELETE",
        "DROP_COLUMN",
        "DROP_CONSTRAINT",
        "DROP_INDEX",
        "DROP_PARTITION",
        "MATERIALIZE_COLUMN",
        "MATERIALIZE_INDEX",
        "MATERIALIZE_TTL",
        "MODIFY_COLUMN",
        "MODIFY_COMMENT",
        "MODIFY_ORDER_BY",
        "MODIFY_QUERY",
        "MODIFY_SETTING",
        "MODIFY_TTL",
        "REMOVE_TTL",
        "RENAME_COLUMN",
        "RESET_SETTING",
        "UPDATE",
    ]
)
"""Commands of ALTER TABLE."""
REFUSED_KEYS = frozenset(
    [
        "as_table_function",
        "attach",
        "cluster",
        "compression",
        "dictionary",
        "has_attach_from_path",
        "infile",
        "is_dictionary",
        "is_time_series_table",
        "out_file",
        "query_parameters",
        "refresh_strategy",
        "table_override",
    ]
)
"""Parts that no statement may have."""
SETTINGS = re.compile(
    r"(max_|min_|optimize_|join_|group_by_|insert_|deduplicate_|output_format_|input_format_|format_csv_|date_time_"
    r"|cast_|read_overflow|result_overflow|timeout_overflow|prefer_|use_|enable_optimize|mutations_|alter_|lightweight_"
    r"|merge_selecting_|merge_with_|ttl_only|non_replicated_)[a-z0-9_]*"
    r"|final|limit|offset|extremes|readonly|log_comment|log_queries|index_granularity|async_insert|wait_for_async_insert"
    r"|session_timezone|allow_nullable_key|do_not_merge_across_partitions_select_final|union_default_mode"
    r"|connect_timeout|receive_timeout|send_timeout|implicit_select|allow_introspection_functions"
)
"""What a query computes, how much it may take, how its rows look."""
REFUSED_SETTINGS = re.compile(
    r"path|file|url|schema|disk|polic|host|proxy|registry|script|template|remote|hedged|http|input_format_values"
)
"""None of these may name a file, an address or a place, or have unchecked expressions evaluated."""
READER_LIMITS: Mapping[str, int] = {
    "max_execution_time": 60,
    "max_memory_usage": 1_000_000_000,
    "max_rows_to_read": 1_000_000_000,
    "max_result_bytes": 1_000_000_000,
}
"""The most that a reader's request may take; it may ask for less in its URL."""
