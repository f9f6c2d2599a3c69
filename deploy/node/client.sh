#!/usr/bin/env bash
# Makes the TypeScript client from the committed documents and compiles it under strict settings: client.sh [folder], default build/client.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
root="$(cd "$here/../.." && pwd)"
PATH="$root/.venv/bin:$PATH"
made="${1:-$root/build/client}"
rm -rf "$made"
mkdir -p "$made"
cp -R "$here/client/src" "$here/client/package.json" "$here/client/tsconfig.json" "$made"
node "$here/client/generate.mjs" "$root/docs/api" "$made/src"
"$here/node_modules/.bin/tsc" --project "$made"
echo "The client is in $made."
