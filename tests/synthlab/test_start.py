"""Unsafe or unreadable configurations end the start with one clear line."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

STRONG = "a-Long0-and+random=secret_with-many.chars!0123456789"
NETWORK = {
    "SYNTHLAB_BIND": "0.0.0.0:8000",
    "SYNTHLAB_HTTPS": "true",
    "SYNTHLAB_ALLOWED_HOSTS": "lab.example.org",
}

BAD = {
    "debug-on-network": {**NETWORK, "SYNTHLAB_DEBUG": "true"},
    "plain-http-on-network": {**NETWORK, "SYNTHLAB_HTTPS": "false"},
    "any-host-on-network": {**NETWORK, "SYNTHLAB_ALLOWED_HOSTS": "*"},
    "wildcard-host-on-network": {**NETWORK, "SYNTHLAB_ALLOWED_HOSTS": ".example.org"},
    "debug-behind-a-proxy": {"SYNTHLAB_BEHIND_PROXY": "true", "SYNTHLAB_DEBUG": "true"},
    "any-host-behind-a-proxy": {"SYNTHLAB_BEHIND_PROXY": "true", "SYNTHLAB_ALLOWED_HOSTS": "*"},
    "plain-http-behind-a-proxy": {
        "SYNTHLAB_BEHIND_PROXY": "true",
        "SYNTHLAB_HTTPS": "false",
        "SYNTHLAB_ALLOWED_HOSTS": "lab.example.org",
    },
    "no-host-on-network": {"SYNTHLAB_BIND": "192.0.2.1:8000"},
    "plain-origin-on-network": {**NETWORK, "SYNTHLAB_TRUSTED_ORIGINS": "http://lab.example.org"},
    "wildcard-origin": {"SYNTHLAB_TRUSTED_ORIGINS": "https://*.example.org"},
    "short-key": {"SYNTHLAB_SECRET_KEY": "changeme"},
    "monotone-key": {"SYNTHLAB_SECRET_KEY": "ab" * 40},
    "missing-key-file": {"SYNTHLAB_SECRET_KEY_FILE": "/no/such/file"},
    "open-sign-up": {"SYNTHLAB_OPEN_SIGNUP": "true"},
    "sessions-too-long": {"SYNTHLAB_SESSION_HOURS": "48"},
    "idle-too-long": {"SYNTHLAB_SESSION_IDLE_MINUTES": "600"},
    "unreadable-number": {"SYNTHLAB_SESSION_HOURS": "twelve"},
    "unreadable-flag": {"SYNTHLAB_DEBUG": "perhaps"},
    "unknown-database": {"DATABASE_URL": "mysql://user:hunter2@localhost/db"},
    "unreadable-database": {"DATABASE_URL": "postgres://user:hunter2@[half/db"},
    "unknown-log-format": {"SYNTHLAB_LOG_FORMAT": "xml"},
}


def start(tmp_path: Path, repository: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
    env = {**kept, "SYNTHLAB_HOME": str(tmp_path / "home"), **settings}
    command = [sys.executable, "-W", "error", "-c", "import synthlab.settings as s; print(s.BIND)"]
    return subprocess.run(
        command, env=env, cwd=repository, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize("case", BAD)
def test_a_bad_configuration_does_not_start(case, tmp_path, repository):
    done = start(tmp_path, repository, **BAD[case])
    assert done.returncode != 0
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("synthlab: refusing to start: ")
    assert "hunter2" not in done.stderr


def test_a_key_that_others_can_read_does_not_start(tmp_path, repository):
    secret = tmp_path / "secret"
    secret.write_text(STRONG)
    secret.chmod(0o644)
    done = start(tmp_path, repository, SYNTHLAB_SECRET_KEY_FILE=str(secret))
    assert done.returncode != 0
    assert "chmod 600" in done.stderr
    secret.chmod(0o600)
    assert start(tmp_path, repository, SYNTHLAB_SECRET_KEY_FILE=str(secret)).returncode == 0


def test_the_first_start_makes_its_own_secrets(tmp_path, repository):
    done = start(tmp_path, repository)
    assert (done.returncode, done.stdout.strip()) == (0, "127.0.0.1:8000"), done.stderr
    secrets = [tmp_path / "home" / "secret", tmp_path / "home" / "model-service-secret"]
    texts = {path.read_text() for path in secrets}
    assert len(texts) == 2
    assert all(len(text) >= 40 for text in texts)
    assert {path.stat().st_mode & 0o777 for path in secrets} == {0o600}
    start(tmp_path, repository)
    assert {path.read_text() for path in secrets} == texts


def test_a_good_configuration_for_a_network_starts(tmp_path, repository):
    done = start(tmp_path, repository, **NETWORK, SYNTHLAB_TRUSTED_ORIGINS="https://lab.example.org")
    assert done.returncode == 0, done.stderr


def test_behind_a_proxy_cookies_are_for_https_only(tmp_path, repository):
    told = {"SYNTHLAB_BEHIND_PROXY": "true", "SYNTHLAB_ALLOWED_HOSTS": "lab.example.org"}
    code = "import synthlab.settings as s; assert s.SESSION_COOKIE_SECURE and s.SECURE_HSTS_SECONDS"
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
    env = {**kept, "SYNTHLAB_HOME": str(tmp_path / "home"), **told}
    done = subprocess.run(
        [sys.executable, "-c", code], env=env, cwd=repository, capture_output=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr


def test_the_first_admin_comes_in_by_a_one_time_link(live_database_env, repository):
    from synthlab.accounts.models import User
    from synthlab.accounts.services.people import accept_invitation

    def create_admin():
        command = [
            sys.executable,
            "manage.py",
            "create_admin",
            "root",
            "--address",
            "https://lab.example.org/",
        ]
        return subprocess.run(
            command,
            env=live_database_env,
            cwd=repository,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    assert not User.objects.exists(), "no default account"
    done = create_admin()
    assert done.returncode == 0, done.stderr
    url = done.stdout.strip()
    assert url.startswith("https://lab.example.org/accounts/invitation/#")
    again = create_admin().stdout.strip()
    assert again != url, "an unused link can be made anew"
    accept_invitation(token=again.partition("#")[2], password="correct horse battery")
    assert User.objects.get().is_admin
    refused = create_admin()
    assert refused.returncode != 0
    assert "admin already" in refused.stderr
