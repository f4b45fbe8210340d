#!/bin/sh
# Makes the secrets of deploy/compose.yaml in deploy/secrets/: those that are missing, never one that is there.
#
#   sh deploy/secrets.sh             before the first `docker compose up`; any time later, it changes nothing
#   sh deploy/secrets.sh rotate-jwt  a new signing key; the previous one stays valid (SECURITY.md lists what to restart)
#
# Only the owner may enter the directory (0700). Its files are readable (0444), since Compose mounts them into containers
# with the owner and mode they have here, and the services there run as another user.
set -eu
umask 077

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
mkdir -p "$here/secrets"
chmod 700 "$here/secrets"
cd "$here/secrets"

random() { head -c 32 /dev/urandom | od -An -v -tx1 | tr -d ' \n'; }

# A file appears whole or not at all.
write() {
    cat >".$1.new"
    chmod 444 ".$1.new"
    mv -f ".$1.new" "$1"
}

secret() { [ -s "$1" ] || random | write "$1"; }

# The new key signs from now on. Its predecessor, if any, is kept: tokens that it signed live on for minutes.
new_jwt_key() {
    kid=$(date -u +%Y%m%d)-$(random | cut -c1-8)
    previous=
    [ ! -s jwt_active_kid ] || previous=$(grep -F "\"$(cat jwt_active_kid)\":" jwt_keys | tr -d ',')
    printf '{\n"%s":"%s"%s\n}\n' "$kid" "$(random)" "${previous:+,
$previous}" | write jwt_keys
    printf '%s\n' "$kid" | write jwt_active_kid
}

secret auth_postgres_password
secret auth_database_password
secret profile_postgres_password
secret profile_database_password
secret redis_password
for service in authorization aggregator profile dashboard backfill; do
    secret "${service}_redis_password"
done
secret redis_commander_password
secret clickhouse_password
secret clickhouse_reader_password
[ -s jwt_keys ] && [ -s jwt_active_kid ] || new_jwt_key

printf 'postgresql://authorization:%s@postgres-auth:5432/authorization\n' "$(cat auth_database_password)" |
    write auth_database_url
printf 'postgresql://profile:%s@postgres-profile:5432/profile\n' "$(cat profile_database_password)" |
    write profile_database_url
users=$(cat "$here/redis/users.conf")
for service in authorization aggregator profile dashboard backfill; do
    password=$(cat "${service}_redis_password")
    printf 'redis://%s:%s@redis:6379/0\n' "$service" "$password" | write "${service}_redis_url"
    users=$(printf '%s\n' "$users" | sed "s/{$service}/$password/")
done
printf 'requirepass %s\n%s\n' "$(cat redis_password)" "$users" | write redis_conf
printf 'http://crypto:%s@clickhouse:8123/crypto\n' "$(cat clickhouse_password)" | write clickhouse_url
printf 'http://crypto_reader:%s@clickhouse:8123/crypto\n' "$(cat clickhouse_reader_password)" | write clickhouse_reader_url
roles=$(cat "$here/clickhouse/roles.xml")
write clickhouse_users <<XML
<clickhouse>
  <users>
    <crypto>
      <password>$(cat clickhouse_password)</password>
      <networks><ip>::/0</ip></networks>
      <profile>default</profile>
      <quota>default</quota>
      <grants><query>GRANT writer</query></grants>
    </crypto>
    <crypto_reader>
      <password>$(cat clickhouse_reader_password)</password>
      <networks><ip>::/0</ip></networks>
      <profile>reader</profile>
      <quota>default</quota>
      <grants><query>GRANT reader</query></grants>
    </crypto_reader>
  </users>
$roles
  <profiles>
    <default><add_http_cors_header>1</add_http_cors_header></default>
    <reader>
      <readonly>2</readonly>
      <add_http_cors_header>1</add_http_cors_header>
      <max_execution_time>60</max_execution_time>
      <max_memory_usage>1000000000</max_memory_usage>
      <max_rows_to_read>1000000000</max_rows_to_read>
      <max_result_bytes>1000000000</max_result_bytes>
      <constraints>
        <max_execution_time><min>1</min><max>60</max></max_execution_time>
        <max_memory_usage><min>1</min><max>1000000000</max></max_memory_usage>
        <max_rows_to_read><min>1</min><max>1000000000</max></max_rows_to_read>
        <max_result_bytes><min>1</min><max>1000000000</max></max_result_bytes>
      </constraints>
    </reader>
  </profiles>
  <quotas><default/></quotas>
</clickhouse>
XML

case ${1:-} in
rotate-jwt) new_jwt_key ;;
'') ;;
*)
    printf 'unknown command: %s\n' "$1" >&2
    exit 2
    ;;
esac

# compose.yaml asks for this variable, so that a start without secrets ends in a sentence.
if ! grep -qs '^SECRETS_PATH=' ../.env; then
    printf 'SECRETS_PATH=./secrets\n' >>../.env
fi
printf 'secrets: ready in %s\n' "$here/secrets"
