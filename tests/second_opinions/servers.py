"""Starts third-party implementations of cloud APIs: dynalite for DynamoDB, versitygw for S3, and fake-gcs-server for
Cloud Storage.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import pytest

from tests.support.free_ports import free_port
from tests.support.waiting import eventually

_HERE = Path(__file__).parent
_KEY = "second-opinion"


@contextmanager
def dynalite() -> Generator[Mapping[str, str]]:
    """Runs dynalite, which emulates DynamoDB. Yields the environment variables that make boto3 call dynalite."""
    program = _HERE / "node_modules" / ".bin" / "dynalite"
    if not program.exists():
        pytest.skip("dynalite is not installed; run `make test-second-opinions`")
    port = free_port()
    with _running([str(program), "--port", str(port), "--createTableMs", "0"], port):
        yield _environment(port)


@contextmanager
def versitygw(directory: Path) -> Generator[Mapping[str, str]]:
    """Runs versitygw, which emulates S3 and stores objects in a directory. Yields the environment variables that make
    boto3 call versitygw.
    """
    program = shutil.which("versitygw", path=str(_HERE / "bin"))
    if program is None:
        pytest.skip("versitygw is not installed; run `make test-second-opinions`")
    objects, versions = directory / "objects", directory / "versions"
    objects.mkdir()
    versions.mkdir()
    port = free_port()
    keys = ["--access", _KEY, "--secret", _KEY, "--port", f"127.0.0.1:{port}"]
    with _running([program, *keys, "posix", "--versioning-dir", str(versions), str(objects)], port):
        yield _environment(port)


@contextmanager
def fake_gcs_server() -> Generator[str]:
    """Runs fake-gcs-server, which emulates Cloud Storage and keeps objects in memory. Yields the URL of its API."""
    program = shutil.which("fake-gcs-server", path=str(_HERE / "bin"))
    if program is None:
        pytest.skip("fake-gcs-server is not installed; run `make test-second-opinions`")
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    # fake-gcs-server returns links to objects and uploads. These options set the host and the base URL of the links.
    links = ["-public-host", f"127.0.0.1:{port}", "-external-url", url]
    listen = ["-scheme", "http", "-host", "127.0.0.1", "-port", str(port)]
    with _running([program, "-backend", "memory", *listen, *links], port):
        yield url


def expect_differences(request: pytest.FixtureRequest, reasons: Mapping[str, str]) -> None:
    """Marks the current test as expected to fail if `reasons` contains the test's name. If a test with this mark
    passes, pytest reports a failure.
    """
    reason = reasons.get(cast(pytest.Function, request.node).originalname)
    if reason is not None:
        request.applymarker(pytest.mark.xfail(reason=reason, strict=True))


def _environment(port: int) -> Mapping[str, str]:
    return {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": _KEY,
        "AWS_SECRET_ACCESS_KEY": _KEY,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }


@contextmanager
def _running(command: Sequence[str], port: int) -> Generator[None]:
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        assert eventually(lambda: _answers(port)), f"{command[0]} does not answer"
        yield
    finally:
        process.terminate()
        process.wait(timeout=30)


def _answers(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0
