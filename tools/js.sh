#!/usr/bin/env bash
# js.sh types: tsc over our scripts.  js.sh test: node's own test runner over tests/js.
set -euo pipefail
cd "$(dirname "$0")/.."
./tools/npm.sh
case ${1:-} in
  types)
    exec ./tools/node.sh node node_modules/typescript/bin/tsc --project tsconfig.json
    ;;
  test)
    # By name: how `node --test` takes folders and patterns differs between 20 and 22.
    mapfile -t files < <(find tests/js -name '*.test.js' | sort)
    if [ ${#files[@]} -eq 0 ]; then
      echo "no browser-script tests in tests/js" >&2
      exit 1
    fi
    exec ./tools/node.sh node --test "${files[@]}"
    ;;
  *)
    echo "usage: tools/js.sh types|test" >&2
    exit 2
    ;;
esac
