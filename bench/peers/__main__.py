"""`python -m bench.peers`."""

from bench.harness import run_alone
from bench.peers.comparison import BENCH

raise SystemExit(run_alone(BENCH))
