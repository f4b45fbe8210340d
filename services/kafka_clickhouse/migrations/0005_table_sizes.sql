-- How much there is, for readers, who may not see the system's tables: the view sees them with the rights of its maker.

CREATE VIEW IF NOT EXISTS table_sizes
SQL SECURITY DEFINER
AS SELECT
    table,
    sum(rows) AS rows,
    sum(data_compressed_bytes) AS bytes,
    count() AS parts
FROM system.parts
WHERE active AND database = currentDatabase()
GROUP BY table;
