"""The sandbox that `make up` makes, in a separate directory; it starts once for all tests that use the fixture `up`."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from emulation.layout import Sandbox
from local.checkout import CHECKOUT
from tests.support.sandbox.up import Up, local

LOOPBACK = "127.90"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks the tests that share one sandbox; all other tests make separate sandboxes at other addresses."""
    for item in items:
        if isinstance(item, pytest.Function) and "up" in item.fixturenames:
            item.add_marker("shares_a_sandbox")


@pytest.fixture(scope="session")
def up() -> Iterator[Up]:
    directory = Path(tempfile.mkdtemp(prefix="ae-"))  # short, for sockets' paths; Traffic Server's user can enter it
    directory.chmod(0o755)
    sandbox = Sandbox(directory=directory, loopback=LOOPBACK)
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
