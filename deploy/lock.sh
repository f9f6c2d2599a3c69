#!/usr/bin/env bash
# Resolves requirements/*.in into hashed locks without index addresses; called by `make lock`.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../requirements"
export UV_SYSTEM_CERTS=true

compile() { ../.venv/bin/uv pip compile --quiet --no-emit-index-url --no-emit-find-links --generate-hashes --universal --python-version 3.11 --custom-compile-command "make lock" "$@"; }

compile bootstrap.in -o bootstrap.txt
compile runtime.in -o runtime.txt
compile -c bootstrap.txt -c runtime.txt dev.in -o dev.txt
compile -c dev.txt bench.in -o bench.txt
