"""Other people's tools, each in an environment of its own, and the benchmark of our queue and export against them."""

from bench.peers.comparison import BENCH

__all__ = ["BENCH"]
