#!/bin/sh
# Starts the broker of deploy/compose.yaml; formats its volume first, if that is new.
set -eu
config=/etc/crypto-kafka/server.properties
data=/var/lib/kafka/data
programs=/opt/kafka/bin

# Drawn once: an interrupted formatting must go on with the same one.
if [ ! -s "$data/cluster_id" ]; then
    head -c 16 /dev/urandom | base64 | tr '+/' '-_' | tr -d '=\n' >"$data/cluster_id.new"
    mv "$data/cluster_id.new" "$data/cluster_id"
fi
"$programs/kafka-storage.sh" format --ignore-formatted --cluster-id="$(cat "$data/cluster_id")" --config "$config"
exec "$programs/kafka-server-start.sh" "$config"
