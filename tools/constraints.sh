#!/usr/bin/env bash
# Writes constraints.txt from what .venv holds, after its tests have passed.
# The parts of torch's CUDA build are left out: torch pins them itself, and other builds of torch have none.
set -euo pipefail
cd "$(dirname "$0")/.."
{
  echo "# The versions this tree was tested with (Python 3.11, Linux). Written by tools/constraints.sh."
  .venv/bin/python -m pip --disable-pip-version-check freeze --exclude-editable |
    grep --extended-regexp '^[A-Za-z0-9._-]+==' |
    grep --invert-match --extended-regexp --ignore-case '^(nvidia-|cuda-|triton==|synthlab==)' |
    sort --ignore-case
} >constraints.txt
