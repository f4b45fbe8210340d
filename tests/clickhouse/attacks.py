"""Statements that must be refused, one a line, for `test_permissions.py`."""

OUTSIDE = """
file('/etc/passwd', 'LineAsString')
FILE('/etc/passwd', LineAsString)
fileCluster('x', '/etc/passwd')
url('http://127.0.0.1:1/', 'LineAsString')
urlCluster('x', 'http://127.0.0.1:1/')
filesystem('/etc')
s3('http://127.0.0.1:1/b/k', 'CSV', 'a String')
s3Cluster('x', 'http://127.0.0.1:1/b/k')
gcs('http://127.0.0.1:1/b/k')
azureBlobStorage('x', 'y', 'z')
hdfs('hdfs://127.0.0.1:1/x', 'CSV', 'a String')
remote('127.0.0.1:1', system.one)
remoteSecure('127.0.0.1:1', system, one)
cluster('default', system.one)
clusterAllReplicas('default', system.one)
mysql('127.0.0.1:1', 'd', 't', 'u', 'p')
postgresql('127.0.0.1:1', 'd', 't', 'u', 'p')
sqlite('/tmp/x.db', 't')
mongodb('127.0.0.1:1', 'd', 'c', 'u', 'p')
redis('127.0.0.1:1', 'k', 'k String')
odbc('DSN=x', 't')
jdbc('x', 't')
iceberg('http://127.0.0.1:1/x')
deltaLake('http://127.0.0.1:1/x')
deltaLakeLocal('/etc')
icebergLocal('/etc')
hudi('http://127.0.0.1:1/x')
executable('id', 'LineAsString', 'a String')
python(open)
eval('SELECT 1')
dictionary('x')
merge('system', '^users$')
loop('system', 'users')
viewExplain('EXPLAIN', '', (SELECT 1))
mergeTreeIndex('crypto', 'x')
input('a String')
fuzzJSON('{}')
arrowstream('x')
""".strip().splitlines()
"""Table functions that leave the database, or might."""

DISGUISES = """
SELECT * FROM {}
select * from /* x */ {} -- y
SELECT (SELECT count() FROM {})
SELECT 1 WHERE 1 IN {}
WITH x AS (SELECT * FROM {}) SELECT * FROM x
SELECT * FROM (SELECT * FROM (SELECT * FROM {}))
SELECT * FROM numbers(1) AS n, {}
SELECT * FROM numbers(1) AS n LEFT JOIN {} AS f ON 1 = 1
SELECT 1 UNION ALL SELECT * FROM {}
SELECT * FROM view(SELECT * FROM {})
FROM {} SELECT *
EXPLAIN SELECT * FROM {}
EXPLAIN AST SELECT * FROM {}
EXPLAIN PLAN actions = 1 SELECT * FROM {}
DESCRIBE TABLE {}
DESC {}
DESCRIBE (SELECT * FROM {})
SELECT arrayMap(x -> (SELECT count() FROM {}), [1])
CREATE TABLE stolen AS {}
CREATE TABLE stolen ENGINE = Memory AS SELECT * FROM {}
INSERT INTO FUNCTION {} SELECT 1
CREATE VIEW stolen AS SELECT * FROM {}
CREATE MATERIALIZED VIEW stolen ENGINE = Memory AS SELECT * FROM {}
CREATE TEMPORARY TABLE stolen AS SELECT * FROM {}
INSERT INTO t SELECT 1 FROM {}
INSERT INTO TABLE FUNCTION {} VALUES (1)
SELECT 1 LIMIT (SELECT count() FROM {})
ALTER TABLE t DELETE WHERE a IN (SELECT 1 FROM {})
DELETE FROM t WHERE a IN (SELECT 1 FROM {})
OPTIMIZE TABLE {}
SELECT 1; SELECT * FROM {}
INSERT INTO t VALUES ((SELECT count() FROM {}))
""".strip().splitlines()
"""Where one may stand."""

FILES_AS_TABLES = """
SELECT * FROM `/etc/passwd`
SELECT * FROM '/etc/passwd'
SELECT * FROM "file:///etc/passwd"
SELECT * FROM default.`/etc/passwd`
SELECT * FROM `http://127.0.0.1:1/x`
""".strip().splitlines()
"""What a local engine would open, were it asked by the right one."""

FORBIDDEN = """
SELECT file('/etc/passwd')
SELECT FILE('/etc/passwd')
SELECT 1 INTO OUTFILE '/tmp/stolen'
SELECT 1 INTO /**/ outfile '/tmp/stolen' TRUNCATE FORMAT CSV
INSERT INTO t FROM INFILE '/etc/passwd' FORMAT LineAsString
INSERT INTO t VALUES (length(file('/etc/passwd')))
INSERT INTO t FORMAT vAlUeS (length(file('/etc/passwd')))
INSERT INTO t FORMAT values (length(file('/etc/passwd')))
EXISTS TABLE t FORMAT Template SETTINGS format_template_resultset = '/etc/passwd'
DESCRIBE TABLE t FORMAT Template SETTINGS format_template_resultset = '/etc/passwd'
SHOW CREATE TABLE t FORMAT Template SETTINGS format_template_resultset = '/etc/passwd'
SELECT 1 FORMAT Template SETTINGS format_template_row = '/etc/passwd'
SELECT 1 FORMAT Protobuf SETTINGS format_schema = '/etc/passwd:M'
SELECT 1 SETTINGS output_format_schema = '/tmp/stolen'
SET format_schema = '/etc/passwd'
SET format_avro_schema_registry_url = 'http://127.0.0.1:1/'
SELECT 1 SETTINGS input_format_record_errors_file_path = '/tmp/stolen'
SELECT (SELECT 1 SETTINGS user_files_path = '/')
CREATE TABLE f (a String) ENGINE = File(CSV, '/etc/passwd')
CREATE TABLE f (a String) ENGINE = URL('http://127.0.0.1:1/', CSV)
CREATE TABLE f (a String) ENGINE = S3('http://127.0.0.1:1/b/k', 'CSV')
CREATE TABLE f (a String) ENGINE = Executable('id', CSV)
CREATE TABLE f (a String) ENGINE = MySQL('127.0.0.1:1', 'd', 't', 'u', 'p')
CREATE TABLE f (a String) ENGINE = Merge('system', 'users')
CREATE TABLE f (a String) ENGINE = Distributed('default', 'system', 'one')
CREATE TABLE f (a String) ENGINE = FileLog('/etc', 'CSV')
CREATE TABLE f (a String) ENGINE = SQLite('/tmp/x', 't')
CREATE TABLE f (a String) ENGINE = Buffer('system', 'one', 1,1,1,1,1,1,1)
CREATE TABLE f (a String) ENGINE = EmbeddedRocksDB(0, '/tmp/stolen') PRIMARY KEY a
CREATE TABLE f (a String) ENGINE = Dictionary('x')
CREATE TABLE f (a String) ENGINE = Kafka('127.0.0.1:1', 'a', 'b', 'CSV')
CREATE TABLE f (a String) ENGINE = Alias('system', 'users')
CREATE TABLE f (a String) ENGINE = MergeTree ORDER BY a SETTINGS disk = disk(type = 'local', path = '/tmp/stolen/')
CREATE TABLE f (a String) ENGINE = MergeTree ORDER BY a SETTINGS disk = disk(type = 'web', endpoint = 'http://127.0.0.1:1/')
CREATE TABLE f (a String) ENGINE = MergeTree ORDER BY a SETTINGS storage_policy = 'x'
CREATE TABLE f (a DateTime) ENGINE = MergeTree ORDER BY a TTL a TO DISK 'x'
CREATE TABLE f (a String DEFAULT file('/etc/passwd')) ENGINE = MergeTree ORDER BY a
ATTACH TABLE f FROM '/etc' (a String) ENGINE = File(CSV)
CREATE TABLE f ON CLUSTER x (a String) ENGINE = Memory
CREATE FUNCTION f AS x -> file(x)
CREATE NAMED COLLECTION f AS a = 1
CREATE DICTIONARY f (a UInt64) PRIMARY KEY a SOURCE(FILE(path '/etc/passwd' format 'CSV')) LAYOUT(FLAT()) LIFETIME(1)
CREATE DICTIONARY f (a UInt64) PRIMARY KEY a SOURCE(EXECUTABLE(command 'id' format 'CSV')) LAYOUT(FLAT()) LIFETIME(1)
CREATE DATABASE f ENGINE = MySQL('127.0.0.1:1', 'd', 'u', 'p')
CREATE DATABASE f ENGINE = Filesystem('/etc')
CREATE DATABASE test_f ENGINE = Filesystem('/etc')
CREATE DATABASE test_f ENGINE = SQLite('/tmp/x')
CREATE DATABASE elsewhere
CREATE TABLE default.f (a UInt8) ENGINE = Memory
CREATE TABLE system.f (a UInt8) ENGINE = Memory
DROP DATABASE default
DROP DATABASE crypto
RENAME TABLE t TO default.t
SYSTEM SHUTDOWN
SYSTEM FLUSH LOGS
SYSTEM RELOAD CONFIG
BACKUP TABLE t TO File('/tmp/stolen')
RESTORE TABLE t FROM File('/tmp/stolen')
KILL QUERY WHERE 1
CREATE USER f
GRANT ALL ON *.* TO default
SET ROLE ALL
SET ROLE writer
SET profile = 'default'
EXECUTE AS default SELECT 1
CREATE VIEW f DEFINER = root SQL SECURITY DEFINER AS SELECT 1
CREATE VIEW f SQL SECURITY NONE AS SELECT 1
ALTER TABLE t FREEZE
ALTER TABLE t FETCH PARTITION ALL FROM '/x'
ALTER TABLE t MODIFY SETTING storage_policy = 'x'
ALTER TABLE t MOVE PARTITION tuple() TO TABLE default.x
ALTER TABLE t ATTACH PARTITION tuple() FROM default.x
SELECT * FROM system.users
SELECT * FROM `system`.`users`
SELECT * FROM system.zookeeper WHERE path = '/'
SELECT * FROM system . /**/ stack_trace
SELECT 1 IN system.users
USE system
USE `system`
SHOW TABLES FROM system
SHOW CREATE TABLE system.users
EXISTS TABLE system.users
DESCRIBE system.users
SHOW PROCESSLIST
SHOW SETTINGS LIKE '%'
SELECT * FROM {d:Identifier}.{t:Identifier}
SELECT * FROM {d:Identifier}.users
SET param_d = 'system'
SELECT aiGenerate('x')
SELECT dictGet('x', 'y', 1)
SELECT addressToSymbol(1)
SELECT url('x')
SELECT x -> file(x)
SELECT arrayMap(file, ['/etc/passwd'])
SELECT arrayMap(`file` AS f, ['/etc/passwd'])
SELECT arraySort(if(1, file, file), ['/etc/passwd'])
SELECT arrayMap({f:Identifier}, ['/etc/passwd'])
SELECT * APPLY(file) FROM (SELECT '/etc/passwd' AS a)
SELECT * APPLY file FROM (SELECT '/etc/passwd' AS a)
SELECT COLUMNS('a') APPLY(FILE, 'x') FROM (SELECT '/etc/passwd' AS a)
SELECT s.* APPLY(x -> file(x)) FROM (SELECT '/etc/passwd' AS a) AS s
WITH p AS (SELECT '/etc/passwd' AS a) SELECT * REPLACE (file(a) AS a) FROM p
SELECT getServerSetting('path')
CREATE MATERIALIZED VIEW f REFRESH EVERY 1 SECOND APPEND TO t AS SELECT 1 AS a
CREATE MATERIALIZED VIEW f REFRESH AFTER 1 SECOND ENGINE = Memory AS SELECT 1 AS a
ALTER TABLE t MODIFY REFRESH EVERY 1 SECOND
CREATE TABLE f ENGINE = Memory AS SELECT 1 PARALLEL WITH SYSTEM FLUSH LOGS
EXPLAIN TABLE OVERRIDE mysql('x') PARTITION BY 1
""".strip().splitlines()
"""For both users. `t` is a table; the parameters d, t and f are `system`, `users` and `file`."""

FORBIDDEN_DATA = [
    "INSERT INTO t SETTINGS format_schema = '/etc/passwd' FORMAT CSV\n1\n",
    "INSERT INTO FUNCTION file('/tmp/stolen', CSV) FORMAT CSV\n1\n",
]
"""The same with data behind them."""

NOT_FOR_THE_READER = """
INSERT INTO t VALUES (1)
INSERT INTO t SELECT 1
CREATE TABLE f (a UInt8) ENGINE = Memory
CREATE TEMPORARY TABLE f (a UInt8)
DROP TABLE t
TRUNCATE TABLE t
ALTER TABLE t ADD COLUMN b UInt8
OPTIMIZE TABLE t
DELETE FROM t WHERE 1
RENAME TABLE t TO u
CREATE VIEW f AS SELECT 1
SELECT count() FROM system.parts
SELECT count() FROM system.tables
SELECT count() FROM system.processes
SELECT count() FROM information_schema.tables
SELECT count() FROM INFORMATION_SCHEMA.COLUMNS
SET max_threads = 1
USE crypto
SELECT 1 SETTINGS max_memory_usage = 0
SELECT 1 SETTINGS max_execution_time = 10000
""".strip().splitlines()
"""What the writer may and the reader may not."""
