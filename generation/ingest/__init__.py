"""Real images in: read, de-identify, clean, tile, group and split. Pure Python, no Django, no torch.

Run as a limited child process: ``python -m generation.ingest ingest SPEC.json`` (see `run.ingest` for the spec).
"""
