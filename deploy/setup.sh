#!/usr/bin/env bash
# Makes .venv: a suitable Python, the locked packages by their hashes, and this checkout's distributions in place.
# Called by `make setup`; quick when everything is there. PYTHON=… chooses the interpreter; arguments name further locks to install.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

say() { printf '%s\n' "$*" >&2; }
suits() { command -v "$1" >/dev/null 2>&1 && "$1" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }

choose_python() {
    local candidate
    if [ -n "${PYTHON:-}" ]; then
        suits "$PYTHON" && { echo "$PYTHON"; return; }
        say "PYTHON=$PYTHON is not a Python 3.11 or newer with venv and ensurepip."
        exit 1
    fi
    for candidate in python3.14 python3.13 python3.12 python3.11 python3 python; do
        suits "$candidate" && { echo "$candidate"; return; }
    done
    say "No Python 3.11 or newer with venv and ensurepip was found. Install one (Debian: python3 and python3-venv), or name it: make PYTHON=/path/to/python3.12 …"
    exit 1
}

if ! .venv/bin/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
    python=$(choose_python)
    say "Making .venv with $($python --version) …"
    rm -rf .venv
    "$python" -m venv .venv
fi

# The machine's own settings for packages are pip's; the faster installer is told of them, as it does not read them.
setting() { .venv/bin/python -m pip config get "$1" 2>/dev/null || true; }
index=${UV_DEFAULT_INDEX:-${UV_INDEX_URL:-${PIP_INDEX_URL:-$(setting global.index-url)}}}
certificates=${SSL_CERT_FILE:-${PIP_CERT:-$(setting global.cert)}}
if [ -n "$index" ]; then export UV_DEFAULT_INDEX="$index"; fi
if [ -n "$certificates" ]; then export SSL_CERT_FILE="$certificates"; fi
export UV_SYSTEM_CERTS=true UV_PYTHON="$PWD/.venv/bin/python" UV_HTTP_TIMEOUT="${UV_HTTP_TIMEOUT:-120}"

say "Installing locked packages …"
.venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/bootstrap.txt
for locked in requirements/dev.txt "$@"; do
    .venv/bin/uv pip install --quiet --require-hashes -r "$locked"
done
editables=()
for project in libs/*/pyproject.toml services/*/pyproject.toml deploy/*/pyproject.toml; do
    editables+=(-e "${project%/pyproject.toml}")
done
.venv/bin/uv pip install --quiet --no-deps --no-build-isolation "${editables[@]}"
touch .venv/.installed
