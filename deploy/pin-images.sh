#!/bin/sh
# Resolves every image of others to its digest and writes deploy/images.env, which is to be committed:
#
#   docker compose --env-file deploy/images.env up --build
#
# Needs docker with buildx, and a way to the registries. The tags are those of compose.yaml and Dockerfile; after a change
# of one of them, run this again. The file appears whole or not at all.
set -eu

CDPATH='' cd -- "$(dirname -- "$0")"

fail() { printf '%s\n' "$*" >&2; exit 1; }

# NAME_IMAGE=name:tag, one a line.
references() {
    sed -n 's/^ *image: ${\([A-Z_]*_IMAGE\):-\([^}]*\)}.*/\1=\2/p' compose.yaml
    sed -n 's/^ARG \([A-Z_]*_IMAGE=.*\)/\1/p' Dockerfile
}

docker buildx version >/dev/null 2>&1 || fail "docker with its plugin buildx is needed to resolve images to digests."

new=$(mktemp ./.images.env.XXXXXX)
trap 'rm -f "$new"' EXIT

printf '# Made by make images: what the tags of compose.yaml and Dockerfile stood for. Not edited by hand.\n' >"$new"
for reference in $(references); do
    image=${reference#*=}
    answer=$(docker buildx imagetools inspect --format '{{json .Manifest.Digest}}' "$image") ||
        fail "$image could not be resolved to a digest; the reason stands above. Is there a way to its registry?"
    digest=$(printf '%s' "$answer" | tr -d '"')
    printf '%s\n' "$digest" | grep -Eqx 'sha256:[0-9a-f]{64}' || fail "docker returned no digest of $image: $answer"
    printf '%s@%s\n' "$reference" "$digest" >>"$new"
done
chmod 644 "$new"
mv -f "$new" images.env
printf 'deploy/images.env has the digests of %s images: commit it.\n' "$(grep -c @sha256: images.env)"
