#!/usr/bin/env bash
# asyncapi.sh check [file …]: judges documents of events by AsyncAPI's own parser; asyncapi.sh page target: draws the kept one as a page that needs no network.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
root="$(cd "$here/../.." && pwd)"
PATH="$root/.venv/bin:$PATH"
export REDOCLY_TELEMETRY=off REDOCLY_SUPPRESS_UPDATE_NOTICE=true
kept="$root/docs/events/asyncapi.json"
case "${1:-}" in
check)
    shift
    if [ "$#" -eq 0 ]; then set -- "$kept"; fi
    node "$here/asyncapi.mjs" "$@"
    ;;
page)
    "$here/node_modules/.bin/redocly" build-docs "$kept" --inlineBundle --asyncapi.disableTelemetry --openapi.disableTelemetry --output "$2"
    sed -i 's|https://cdn.redoc.ly/redoc/logo-mini-full.svg|data:,|g' "$2" # its maker's sign would be fetched from the network
    ;;
*)
    echo "asyncapi.sh check [file …] | page target" >&2
    exit 2
    ;;
esac
