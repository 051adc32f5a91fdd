"""The Python client for data scientists. Needs httpx and nothing else of ours: no Django, no torch."""

from synthlab.client.client import Client
from synthlab.client.local import LocalFiles
from synthlab.client.problems import JobFailed, Problem

__all__ = ["Client", "JobFailed", "LocalFiles", "Problem"]
