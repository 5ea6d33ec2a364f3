"""Configures pytest. Provides the fixture `up`: the sandbox of `make up` (emulated clouds on this machine), which
starts once for all tests.
"""

from __future__ import annotations

import gc
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.support.sandbox.up import Up

pytest.register_assert_rewrite("tests.support")

# The SDKs of Pulumi and the clouds create millions of objects that live until the process ends. Garbage collection
# at Python's default thresholds took a fifth of the tests' time.
gc.set_threshold(50_000, 20, 50)


# The prefix of the IP addresses of the test sandbox (emulated clouds on this machine). The environment variable
# ARTIFACT_EDGE_LOOPBACK can set another prefix.
_LOOPBACK = "127.90"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks the tests that share the sandbox (the emulated clouds) of the fixture `up`. All other tests make separate
    sandboxes.
    """
    for item in items:
        if isinstance(item, pytest.Function) and "up" in item.fixturenames:
            item.add_marker("shares_a_sandbox")


def pytest_collection_finish() -> None:
    """Makes Python's garbage collector skip all objects that exist after the import of the test modules. Most of them
    exist until the end of the test session, so a search for garbage among them would cost time and free little memory.
    """
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def _made_once() -> Iterator[None]:  # pyright: ignore[reportUnusedFunction]
    """Caches boto3's descriptions of AWS services and the compiled routes of Flask applications for the whole test
    session. Without the cache, each test would load the descriptions and compile the routes again.
    """
    from tests.support.made_once import made_once

    with made_once():
        yield


@pytest.fixture(scope="session")
def forked_python() -> Iterator[None]:
    """Runs the emulated clouds and the Pulumi programs of the whole test session with an interpreter that need not
    import the clouds' SDKs.
    """
    from emulation.processes import INTERPRETER_VARIABLE
    from tests.support.forked_python import forked_python

    with forked_python() as interpreter, pytest.MonkeyPatch.context() as environment:
        environment.setenv(INTERPRETER_VARIABLE, str(interpreter))
        yield


@pytest.fixture(scope="session")
def up(forked_python: None) -> Iterator[Up]:
    """Yields a sandbox (emulated clouds, machines and clients) that runs in a temporary directory, as `make up` starts
    it.
    """
    # The fixture imports these modules itself, because their import takes long and unit tests do not need them.
    from emulation.layout import LOOPBACK_VARIABLE, Sandbox
    from local.checkout import CHECKOUT
    from tests.support.sandbox.up import Up, local

    # The path of the sandbox's directory is short, because the length of a socket's path is limited. Traffic Server
    # runs as another user, who must be able to enter the directory.
    directory = Path(tempfile.mkdtemp(prefix="ae-"))
    directory.chmod(0o755)
    sandbox = Sandbox(directory=directory, loopback=os.environ.get(LOOPBACK_VARIABLE, _LOOPBACK))
    config = (CHECKOUT / "stacks" / "Pulumi.local.yaml").read_bytes()
    try:
        result = local(sandbox, "up")
        assert result.returncode == 0, result.stdout + result.stderr
        assert (CHECKOUT / "stacks" / "Pulumi.local.yaml").read_bytes() == config
        yield Up(sandbox, result.stdout)
    finally:
        down = local(sandbox, "down")
        shutil.rmtree(directory, ignore_errors=True)
        assert down.returncode == 0, down.stdout + down.stderr
