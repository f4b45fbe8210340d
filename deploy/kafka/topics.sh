#!/bin/sh
# Makes our topics, those that are missing: what deploy/local/kafka_topics.py is for `make run`.
set -eu
if [ -z "$KAFKA_BOOTSTRAP_SERVERS" ]; then
    printf 'KAFKA_BOOTSTRAP_SERVERS is not set: start with --env-file deploy/analytics.env\n' >&2
    exit 1
fi
for topic in binance.miniticker:3 binance.miniticker.dlq:1 binance.aggtrade:3 binance.aggtrade.dlq:1; do
    /opt/kafka/bin/kafka-topics.sh --bootstrap-server "$KAFKA_BOOTSTRAP_SERVERS" --create --if-not-exists \
        --topic "${topic%:*}" --partitions "${topic#*:}" --replication-factor 1
done
# Dead letters are kept until they have been looked at, also by a topic that was there already.
for topic in binance.miniticker.dlq binance.aggtrade.dlq; do
    /opt/kafka/bin/kafka-configs.sh --bootstrap-server "$KAFKA_BOOTSTRAP_SERVERS" --alter \
        --entity-type topics --entity-name "$topic" --add-config retention.ms=-1,retention.bytes=1073741824
done
