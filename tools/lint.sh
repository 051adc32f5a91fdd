#!/usr/bin/env bash
# Runs every check that runs no test, all of them even when one fails, and says at the end which did.
set -uo pipefail
cd "$(dirname "$0")/.."
bin=.venv/bin
code=(synthlab generation evaluation annotation tests tools bench manage.py)
failed=()

step() {
  local name=$1
  shift
  echo "==> $name"
  "$@" || failed+=("$name")
}

templates() {
  local files
  mapfile -t files < <(find templates -name '*.html' 2>/dev/null | sort)
  if [ ${#files[@]} -eq 0 ]; then return 0; fi
  "$bin/djade" --check --target-version 5.2 "${files[@]}" && "$bin/djlint" --lint --quiet templates
}

step "ruff check" "$bin/ruff" check --quiet "${code[@]}"
step "ruff format" "$bin/ruff" format --check --quiet "${code[@]}"
step "imports" "$bin/lint-imports" --no-cache
step "templates" templates
step "migrations" env DJANGO_SETTINGS_MODULE=tests.settings "$bin/python" manage.py makemigrations --check --dry-run
step "system checks" env DJANGO_SETTINGS_MODULE=tests.settings "$bin/python" manage.py check --fail-level WARNING
step "licences" "$bin/python" -m tools.licences

if [ ${#failed[@]} -gt 0 ]; then
  printf 'failed: %s\n' "${failed[@]}" >&2
  exit 1
fi
