#!/usr/bin/env bash
# Lints the API's documents, each service's and the merged one, with Redocly's rules; no telemetry, no look for newer versions.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
PATH="$(cd ../../.venv/bin && pwd):$PATH"
export REDOCLY_TELEMETRY=off REDOCLY_SUPPRESS_UPDATE_NOTICE=true
if [ "$#" -eq 0 ]; then set -- ../../docs/api/*.json; fi
node_modules/.bin/redocly lint --config redocly.yaml "$@"
