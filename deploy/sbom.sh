#!/bin/sh
# Bills of materials (CycloneDX, JSON) of all that the lock files hold, below sbom/ or in the directory named:
# python.cdx.json of requirements.lock, web.cdx.json of web/package-lock.json (which takes Node.js).
set -eu

CDPATH='' cd -- "$(dirname -- "$0")/.."

fail() { printf '%s\n' "$*" >&2; exit 1; }

directory=${1:-sbom}
mkdir -p "$directory"
directory=$(CDPATH='' cd -- "$directory" && pwd)
rm -f "$directory/python.cdx.json" "$directory/web.cdx.json"

# In a directory of its own: the tool is part of neither lock.
PATH=$PWD/.venv/tools/bin:$PATH
UV_SYSTEM_CERTS=${UV_SYSTEM_CERTS:-true} uv pip sync --quiet --no-build --require-hashes \
    --python .venv/bin/python --target .venv/sbom deploy/sbom.txt || fail "cyclonedx-bom could not be installed: is there a way to PyPI?"
# Not validated, which takes six times as long as all the rest.
PYTHONPATH=.venv/sbom .venv/bin/python -W ignore -m cyclonedx_py requirements --pyproject pyproject.toml \
    --output-reproducible --no-validate --output-file "$directory/python.cdx.json" requirements.lock

no_node=$(.venv/bin/python -c 'from deploy.local import web; print(web.missing() or "")')
[ -z "$no_node" ] || fail "There is no bill of the web app: $no_node"
cd ./web
npm sbom --sbom-format=cyclonedx --sbom-type=application --package-lock-only --include=dev --include=optional >"$directory/.web.new"
mv -f "$directory/.web.new" "$directory/web.cdx.json"
