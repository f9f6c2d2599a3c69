#!/usr/bin/env bash
# Installs the locked JavaScript packages beside this file, with the Node of .venv; called by make, quick when they are there.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
PATH="$(cd ../../.venv/bin && pwd):$PATH"
echo "Installing locked JavaScript packages …" >&2
npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
touch node_modules/.installed
