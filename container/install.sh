#!/bin/sh
# Installs syncer from this checkout into a prefix of its own: what the image, the action and `make container-check` run.
# Usage: container/install.sh PREFIX
# Everything that is fetched is pinned by hash (container/*.lock, made by `make lock`).
set -eu
prefix=$1
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

pip() {
    python=$1
    shift
    "$python" -m pip --disable-pip-version-check --no-cache-dir --quiet "$@"
}

"${PYTHON:-python3}" -m venv "$work/build"
pip "$work/build/bin/python" install --no-deps --require-hashes -r container/build.lock
"$work/build/bin/python" -m hatchling build -t wheel -d "$work/dist"

"${PYTHON:-python3}" -m venv "$prefix"
pip "$prefix/bin/python" install --no-deps --require-hashes -r container/runtime.lock
pip "$prefix/bin/python" install --no-index --no-deps "$work"/dist/*.whl
# Nothing is ever installed into it again, and what is not there needs no patch.
pip "$prefix/bin/python" uninstall --yes pip
