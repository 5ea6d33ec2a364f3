"""Settings for all tests, and the sandbox that `make up` makes, which starts once for all tests that use `up`."""

from __future__ import annotations

import gc
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


_LOOPBACK = "127.90"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks the tests that share one sandbox; all other tests make separate sandboxes at other addresses."""
    for item in items:
        if isinstance(item, pytest.Function) and "up" in item.fixturenames:
            item.add_marker("shares_a_sandbox")


def pytest_collection_finish() -> None:
    """Excludes all objects that the imports of the tests created from later garbage collection."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def up() -> Iterator[Up]:
    """Provides a running sandbox in a separate directory."""
    from emulation.layout import Sandbox  # unit tests do without these imports
    from local.checkout import CHECKOUT
    from tests.support.sandbox.up import Up, local

    directory = Path(tempfile.mkdtemp(prefix="ae-"))  # short, for sockets' paths; Traffic Server's user can enter it
    directory.chmod(0o755)
    sandbox = Sandbox(directory=directory, loopback=_LOOPBACK)
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
