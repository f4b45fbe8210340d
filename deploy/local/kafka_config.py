"""What a single Kafka node is told: the text of its configuration files, which hold no secret."""

from pathlib import Path

PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller_port}
listeners=CLIENTS://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}
advertised.listeners=CLIENTS://127.0.0.1:{port}
listener.security.protocol.map=CLIENTS:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=CLIENTS
controller.listener.names=CONTROLLER
log.dirs={log_dir}

# After a kill, the node lets itself in again only when its former self counts as gone (by default after 9 s).
broker.session.timeout.ms=2000
broker.heartbeat.interval.ms=500

# One node: every topic has one copy, also Kafka's own.
default.replication.factor=1
min.insync.replicas=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions={internal_partitions}
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions={internal_partitions}
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions={internal_partitions}

# A topic that nobody made is a mistake in a name.
auto.create.topics.enable=false
# There is no second consumer to wait for.
group.initial.rebalance.delay.ms=0

# Whichever bound is reached first, for each partition; what was consumed is in ClickHouse by then.
log.retention.hours=72
log.retention.bytes=1073741824
log.segment.bytes=67108864

# The default, 128 MiB, is meant for more keys than there are here.
log.cleaner.dedupe.buffer.size=4194304
"""

LOGGING = """\
<Configuration status="WARN" shutdownHook="disable">
  <Appenders>
    <Console name="out"><PatternLayout pattern="%p %c{1}: %m%n%ex{short}"/></Console>
  </Appenders>
  <Loggers>
    <!-- It warns of every start. -->
    <Logger name="org.apache.kafka.controller.QuorumController" level="ERROR"/>
    <Root level="WARN"><AppenderRef ref="out"/></Root>
  </Loggers>
</Configuration>
"""
"""`log4j2.xml`: warnings and worse, to standard output."""


def properties(log_dir: Path, port: int, controller_port: int, internal_partitions: int) -> str:
    """`server.properties`: on 127.0.0.1 alone, with the topics' files in `log_dir`."""
    return PROPERTIES.format(
        log_dir=log_dir, port=port, controller_port=controller_port, internal_partitions=internal_partitions
    )
