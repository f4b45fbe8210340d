#!/bin/sh
# What the tests need of the system beside Python. Anything missing is installed where that takes no asking (root, with
# apt-get), and otherwise named in one sentence. Quick when everything is there.
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
cd "$root"

fail() { printf '%s\n' "$*" >&2; exit 1; }
kafka_has() { .venv/bin/python -c "import sys; from deploy.local import kafka_jars as jars; sys.exit(not ($1))"; }

# Node is not asked of the system's packages, which are often too old: without it the web app's tests are skipped.
no_node=$(.venv/bin/python -c 'from deploy.local import web; print(web.missing() or "")')
[ -z "$no_node" ] || printf 'setup: %s Its tests are skipped.\n' "$no_node"

# One line a tool: the Debian package, and a command that works once it is there.
missing() {
    kafka_has 'jars.java()' || printf ' default-jre-headless'
    kafka_has 'jars.are_here() or jars.shutil.which("mvn")' || printf ' maven'
    command -v wget >/dev/null || printf ' wget'
    [ -n "$no_node" ] || [ -n "${CHROMIUM:-}" ] || command -v chromium >/dev/null || command -v chromium-browser >/dev/null ||
        command -v google-chrome >/dev/null || printf ' chromium'
}

packages=$(missing)
if [ -n "$packages" ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    printf 'setup: installing%s, for the tests\n' "$packages"
    export DEBIAN_FRONTEND=noninteractive
    # shellcheck disable=SC2086 # several words on purpose
    { apt-get -qq update && apt-get -qq -y --no-install-recommends install $packages; } >/dev/null ||
        fail "The tests need these packages, which could not be installed:$packages"
    packages=$(missing)
fi
[ -z "$packages" ] || fail "The tests need what these Debian packages hold (Java 17 or newer; CHROMIUM names a browser elsewhere):$packages"

# Once, and not in the time that a test has.
kafka_has 'jars.are_here()' || printf 'setup: fetching Kafka with Maven (once)\n'
.venv/bin/python -m deploy.local.kafka_jars
