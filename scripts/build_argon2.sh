#!/usr/bin/env bash
# Builds Argon2 for CPUs with AVX2 into an environment, beside the wheel's own: build_argon2.sh VENV [MARCH]
# The environment's Python takes it at each start where every CPU can run it (choose_argon2.py). Needs a C compiler.
set -euo pipefail
venv=$(realpath "$1")
march=${2:-x86-64-v3}
scripts=$(dirname "$(realpath "$0")")
requirements=$scripts/../requirements
command -v "${CC:-cc}" >/dev/null || { echo "A C compiler is needed; on Debian: apt-get install gcc libc6-dev libffi-dev python3-dev" >&2; exit 1; }
packages=$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("platlib"))')
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
sed -n '/^argon2-cffi-bindings==/,/[^\\]$/p' "$requirements/runtime.txt" >"$work/argon2.txt"
"$venv/bin/python" -m venv "$work/venv"
pip() { "$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-cache-dir --require-hashes "$@"; }
pip -r "$requirements/build.txt"
# What is built refers to cffi, which the environment has.
PYTHONPATH=$packages CFLAGS="-O3 -march=$march" pip --no-deps --no-build-isolation \
    --no-binary argon2-cffi-bindings --target "$work/built" -r "$work/argon2.txt"
rm -rf "$venv/argon2/$march"
mkdir -p "$venv/argon2"
mv "$work/built" "$venv/argon2/$march"
cp "$scripts/choose_argon2.py" "$packages/"
echo 'import choose_argon2' >"$packages/choose_argon2.pth"
