"""A PACS of its own on a loopback port: Orthanc with its DICOMweb plug-in, empty, ended with the test."""

from __future__ import annotations

import json
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.environment import missing, program

PLUGINS = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
STARTS_WITHIN = 60


@contextmanager
def running(folder: Path) -> Iterator[str]:
    """The address of its DICOMweb service."""
    binary = program("Orthanc", package="orthanc")
    if not PLUGINS.exists():
        missing("orthanc", f"{PLUGINS} is not there (Debian package orthanc-dicomweb)")
    http, dicom = free_ports(2)
    (folder / "orthanc.json").write_text(
        json.dumps(
            {
                "Name": "test",
                "StorageDirectory": str(folder / "storage"),
                "IndexDirectory": str(folder / "index"),
                "Plugins": [str(PLUGINS)],
                "HttpPort": http,
                "DicomPort": dicom,
                "HttpBindAddresses": ["127.0.0.1"],
                "RemoteAccessAllowed": False,
                "AuthenticationEnabled": False,
                "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
            }
        )
    )
    with (folder / "orthanc.log").open("wb") as log:
        process = subprocess.Popen([binary, str(folder / "orthanc.json")], stdout=log, stderr=log)
        try:
            wait_for(f"http://127.0.0.1:{http}/system", process, folder / "orthanc.log")
            yield f"http://127.0.0.1:{http}/dicom-web"
        finally:
            process.terminate()
            try:
                process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(timeout=30)


def wait_for(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + STARTS_WITHIN
    while time.monotonic() < end:
        assert process.poll() is None, log.read_text(errors="replace")[-2000:]
        try:
            with urllib.request.urlopen(address, timeout=2) as answer:
                assert answer.status == 200
                return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.1)
    raise AssertionError(f"Orthanc did not answer: {log.read_text(errors='replace')[-2000:]}")


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on at this moment, all different."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()
