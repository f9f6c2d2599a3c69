#!/usr/bin/env bash
# Installs what tests use and Debian packages (a browser; Prometheus with promtool) where it is missing; called by `make test`, quick when all is there.
set -euo pipefail

declare -A packages=([chromium]=chromium [promtool]=prometheus [curl]=curl)
missing=()
for program in "${!packages[@]}"; do
    command -v "$program" >/dev/null 2>&1 || missing+=("${packages[$program]}")
done
[ ${#missing[@]} -eq 0 ] && exit 0

if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null 2>&1; then
    echo "The tests need ${missing[*]}. Install them (Debian: apt-get install ${missing[*]}), then run this again." >&2
    exit 1
fi
echo "Installing ${missing[*]} …" >&2
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -qq -y --no-install-recommends "${missing[@]}" >/dev/null
