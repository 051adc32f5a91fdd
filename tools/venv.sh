#!/usr/bin/env bash
# Makes .venv hold what pyproject.toml asks for in the versions of constraints.txt; quick when it already does.
# PYTHON names another interpreter. TORCH_ARGS is handed to pip for torch alone, for instance an index of builds
# for the processor only, which are gigabytes smaller.
set -euo pipefail
cd "$(dirname "$0")/.."

stamp=.venv/.synthlab-stamp
wanted=$(cat pyproject.toml constraints.txt "$0" | sha256sum | cut -d' ' -f1)
if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ]; then exit 0; fi

mkdir -p .tools
exec 9>.tools/venv.lock
flock 9

python=${PYTHON:-}
for candidate in python3.11 python3.12 python3.13 python3; do
  if [ -n "$python" ]; then break; fi
  if command -v "$candidate" >/dev/null &&
    "$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    python=$candidate
  fi
done
if [ -z "$python" ]; then
  echo "SynthLab needs Python 3.11 or newer with its venv module (on Debian: apt-get install python3 python3-venv)." >&2
  exit 1
fi

if [ ! -x .venv/bin/python ]; then
  echo "==> new environment in .venv ($("$python" --version))"
  "$python" -m venv .venv
fi
pip=(.venv/bin/python -m pip --disable-pip-version-check install --quiet --constraint constraints.txt)

# Torch first and by itself: it is the large one, and nothing after it may move it.
echo "==> torch and torchvision (several gigabytes the first time)"
# shellcheck disable=SC2086
"${pip[@]}" ${TORCH_ARGS:-} torch torchvision
echo "==> SynthLab and what it needs"
"${pip[@]}" --editable '.[generation,dicom,parquet,postgres,lint,test]'
echo "$wanted" >"$stamp"
