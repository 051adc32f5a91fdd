#!/usr/bin/env bash
# Makes node_modules match package-lock.json; quick when it already does. No package may run a script of its own.
set -euo pipefail
cd "$(dirname "$0")/.."
stamp=node_modules/.synthlab-stamp
wanted=$(cat package.json package-lock.json | sha256sum | cut -d' ' -f1)
if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ]; then exit 0; fi
mkdir -p .tools
exec 9>.tools/npm.lock
flock 9
echo "==> browser packages into node_modules"
./tools/node.sh npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
echo "$wanted" >"$stamp"
