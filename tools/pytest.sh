#!/usr/bin/env bash
# pytest.sh quick|all [more arguments]: everything on SQLite, then what is marked both_databases on PostgreSQL.
set -uo pipefail
cd "$(dirname "$0")/.."
scope=${1:-quick}
shift || true
case $scope in
  quick) choose="not slow and not gpu" ;;
  all) choose="not gpu" ;;
  *)
    echo "usage: tools/pytest.sh quick|all [pytest arguments]" >&2
    exit 2
    ;;
esac

.venv/bin/python -m tools.browser || exit 1
# One more than there are cores: many tests wait for processes they started.
run=(.venv/bin/pytest -n "${WORKERS:-$(($(nproc) + 1))}" --dist loadgroup)
status=0

echo "==> tests on SQLite"
SYNTHLAB_TEST_DATABASE=sqlite "${run[@]}" -m "$choose" "$@" || status=1
echo "==> tests that touch locking, on PostgreSQL"
SYNTHLAB_TEST_DATABASE=postgres "${run[@]}" -m "both_databases and $choose" "$@" || status=1
exit $status
