"""Runs the PostgreSQL server that stores the databases of the emulated Spanner. Each sandbox has one server, which
starts with the first database.
"""

from __future__ import annotations

import os
import pwd
import signal
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from emulation.gcp.catalog import Refused
from emulation.gcp.spanner.programs import postgres_programs
from emulation.layout import SPANNER_USER

# PostgreSQL refuses to run as root. If root runs the sandbox (emulated clouds), PostgreSQL runs as this user.
_UNPRIVILEGED = "nobody"
_SETTINGS = ("fsync=off", "shared_buffers=16MB", "max_connections=100", "log_min_messages=fatal")
# The number of seconds that PostgreSQL may take to start. The limit is generous, because PostgreSQL starts slowly on a
# busy machine.
_START_TIMEOUT_SECONDS = 120.0


@dataclass
class Cluster:
    """The PostgreSQL server of the emulated Spanner, which keeps its data in `directory`. Any process of this machine
    can connect to the server at `address` and `port`.
    """

    directory: Path
    address: str
    port: int
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    @property
    def made(self) -> bool:
        return (self.directory / "data" / "PG_VERSION").exists()

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Starts the PostgreSQL server unless it already runs. Raises Refused if PostgreSQL is not installed or does
        not start."""
        if self.running:
            return
        programs = postgres_programs()
        if programs is None:
            raise Refused(501, "Spanner is emulated by PostgreSQL's server; install Debian's package `postgresql`")
        data = self.directory / "data"
        user = _UNPRIVILEGED if os.geteuid() == 0 else None
        self.directory.mkdir(parents=True, exist_ok=True)
        if user is not None:
            os.chown(self.directory, pwd.getpwnam(user).pw_uid, pwd.getpwnam(user).pw_gid)
        if not self.made:
            # The locale C makes PostgreSQL compare strings byte by byte, as Spanner does.
            made = [
                *("--auth", "trust", "--no-sync", "--encoding", "UTF8", "--locale", "C"),
                "--username",
                SPANNER_USER,
            ]
            done = subprocess.run(
                [programs / "initdb", "--pgdata", data, *made], user=user, capture_output=True, text=True, check=False
            )
            if done.returncode:
                raise Refused(500, f"PostgreSQL's initdb: {done.stderr.strip()}")
            with (data / "pg_hba.conf").open("a") as rules:
                rules.write("host all all 127.0.0.0/8 trust\n")
        options = [f"listen_addresses={self.address}", f"port={self.port}", "unix_socket_directories=", *_SETTINGS]
        self._process = subprocess.Popen(
            [programs / "postgres", "-D", data, *(part for option in options for part in ("-c", option))],
            user=user,
            stdin=subprocess.DEVNULL,
        )
        self._wait()

    def stop(self) -> None:
        """Stops the PostgreSQL server at once, which aborts the transactions of its clients."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(10)

    def connect(self, database: str, **more: Any) -> psycopg.Connection[Any]:
        return psycopg.connect(
            host=self.address,
            port=self.port,
            user=SPANNER_USER,
            dbname=database,
            autocommit=True,
            connect_timeout=5,
            **more,
        )

    def create(self, database: str) -> None:
        with self.connect("postgres") as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(database)))

    def drop(self, database: str) -> None:
        with self.connect("postgres") as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(database)))

    def _wait(self) -> None:
        deadline = time.monotonic() + _START_TIMEOUT_SECONDS
        while True:
            try:
                self.connect("postgres").close()
                return
            except psycopg.OperationalError as error:
                if time.monotonic() > deadline or self._process is None or self._process.poll() is not None:
                    raise Refused(500, f"PostgreSQL does not start: {error}") from None
                time.sleep(0.1)
