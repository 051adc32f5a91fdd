"""Benchmarks: one module each, run as `python -m bench.NAME`; ratios first, because machines differ."""
