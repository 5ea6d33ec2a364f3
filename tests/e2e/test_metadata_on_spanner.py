"""Runs the contract tests of the metadata repository on Google's Spanner emulator.

Google's PGAdapter stands between the repository and the emulator, because the repository is a client of PostgreSQL. No
package manager installs the emulator. On a machine without the emulator, only tests/unit check the contract, on
PostgreSQL.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Generator
from pathlib import Path

import psycopg
import pytest

from emulation.layout import cache_directory
from infra.metadata.spanner import SCHEMA, SPANNER_ONLY, statements
from registry.metadata import Repository
from registry.metadata.spanner import SpannerRepository
from tests.support.free_ports import free_port
from tests.support.metadata import Clock, repository
from tests.support.metadata_contract import MetadataContract
from tests.support.spanner import INSTANCE, PROJECT, Spanner, spanner

__all__ = ["repository", "spanner"]

_POM = Path(__file__).with_name("pgadapter") / "pom.xml"
_VERSION = "0.50.0"


class TestMetadataOnSpanner(MetadataContract):
    # The emulator runs one transaction at a time and aborts all others. The six writers of the other databases would
    # therefore repeat their writes for half a minute of processor time.
    WRITERS = 3


@pytest.fixture(scope="session")
def adapter(spanner: Spanner) -> Generator[int]:
    """Starts a PGAdapter in front of the emulator with the database `metadata`, and yields its port."""
    spanner.database("metadata", [*statements(SCHEMA.read_text()), *statements(SPANNER_ONLY.read_text())])
    port = free_port()
    # PGAdapter must not use multiplexed sessions. With them, it would lose each transaction that the emulator aborts.
    plain = dict.fromkeys(
        ["GOOGLE_CLOUD_SPANNER_MULTIPLEXED_SESSIONS", "GOOGLE_CLOUD_SPANNER_MULTIPLEXED_SESSIONS_FOR_RW"], "false"
    )
    process = subprocess.Popen(
        [
            *("java", "-cp", f"{_jars()}/*", "com.google.cloud.spanner.pgadapter.Server"),
            *("-p", PROJECT.split("/")[1], "-i", INSTANCE, "-s", str(port), "-r", "autoConfigEmulator=true"),
        ],
        env={**os.environ, **plain, "SPANNER_EMULATOR_HOST": spanner.grpc},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        _wait(port)
        yield port
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()


@pytest.fixture
def database(adapter: int, monkeypatch: pytest.MonkeyPatch) -> Generator[tuple[Repository, Clock]]:
    monkeypatch.setenv("PGHOST", "127.0.0.1")
    monkeypatch.setenv("PGPORT", str(adapter))
    with psycopg.connect(dbname="metadata", autocommit=True) as admin:
        admin.execute("DELETE FROM items WHERE true")
    clock = Clock()
    repository = SpannerRepository("metadata", clock=clock)
    yield repository, clock
    repository.close()


def _jars() -> Path:
    """Returns the directory of PGAdapter's jars; downloads them from Maven Central once per machine (70 MB)."""
    directory = cache_directory() / f"pgadapter-{_VERSION}"
    if directory.is_dir():
        return directory
    if shutil.which("java") is None or shutil.which("mvn") is None:
        pytest.skip("PGAdapter needs Java, and Maven to get it")
    fresh = directory.with_name(f"{directory.name}.new")
    maven = ["mvn", "--batch-mode", "--quiet", "--file", str(_POM), "dependency:copy-dependencies"]
    done = subprocess.run(
        [*maven, f"-DoutputDirectory={fresh}"],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        pytest.skip(f"PGAdapter cannot be had: {done.stdout.strip().splitlines()[0]}")
    fresh.rename(directory)
    return directory


def _wait(port: int) -> None:
    deadline = time.monotonic() + 120
    while True:
        try:
            psycopg.connect(host="127.0.0.1", port=port, dbname="metadata").close()
            return
        except psycopg.OperationalError:
            assert time.monotonic() < deadline, "PGAdapter does not answer"
            time.sleep(0.3)
