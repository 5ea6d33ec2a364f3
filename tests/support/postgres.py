"""Runs a PostgreSQL server for one test session, in a temporary directory and on a Unix socket."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from emulation.gcp.spanner.programs import postgres_programs

USER = "registry"
_UNPRIVILEGED = "nobody"  # PostgreSQL refuses to run as root.
# The tests do not need the data after a run. PostgreSQL therefore does not have to write the data to the disk.
_SETTINGS = {
    "listen_addresses": "",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "16MB",
    "max_connections": "50",
    "log_min_messages": "fatal",
}


@contextmanager
def server() -> Generator[Path]:
    """Starts a PostgreSQL server. Yields the directory of the server's socket, for use as PGHOST.

    Stops the server at the end, by its process id.
    """
    programs = postgres_programs()
    assert programs is not None, "PostgreSQL's server is missing; install Debian's package `postgresql`"
    user = _UNPRIVILEGED if os.geteuid() == 0 else None
    # PostgreSQL creates a Unix socket in this directory. The directory's path is short, because the operating system
    # limits the length of socket paths.
    home = Path(tempfile.mkdtemp(prefix="artifact-edge-postgres-", dir="/tmp"))
    try:
        if user is not None:
            account = pwd.getpwnam(user)
            os.chown(home, account.pw_uid, account.pw_gid)
        data, log = home / "data", home / "log"
        initdb = [programs / "initdb", "--pgdata", data, "--username", USER, "--auth", "trust", "--no-sync"]
        # The locale C makes PostgreSQL compare text by its bytes, as Spanner does.
        _run([*initdb, "--encoding", "UTF8", "--locale", "C"], user)
        settings = " ".join(f"-c {name}={value or repr('')}" for name, value in _SETTINGS.items())
        control = [programs / "pg_ctl", "--pgdata", data, "--wait", "--silent", "--log", log]
        _run([*control, "--options", f"{settings} -k {home}", "start"], user)
        try:
            yield home
        finally:
            os.kill(int((data / "postmaster.pid").read_text().split()[0]), signal.SIGQUIT)
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _run(command: list[str | Path], user: str | None) -> None:
    done = subprocess.run(command, user=user, capture_output=True, text=True, cwd="/", check=False)
    assert done.returncode == 0, done.stderr or done.stdout


@pytest.fixture(scope="session")
def postgres() -> Generator[Path]:
    with server() as socket:
        yield socket
