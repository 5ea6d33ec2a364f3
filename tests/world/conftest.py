"""The world that `make up` makes, in a place of its own, brought up once for all tests that ask for it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from emulation.layout import World
from local.checkout import CHECKOUT
from tests.support.world.up import Up, local

LOOPBACK = "127.90"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks tests of the one world that all of them share; all others make worlds of their own, at other addresses."""
    for item in items:
        if isinstance(item, pytest.Function) and "up" in item.fixturenames:
            item.add_marker("shares_a_world")


@pytest.fixture(scope="session")
def up() -> Iterator[Up]:
    directory = Path(tempfile.mkdtemp(prefix="ae-"))  # short, for sockets; and Traffic Server's user must get in
    directory.chmod(0o755)
    world = World(directory=directory, loopback=LOOPBACK)
    config = (CHECKOUT / "stacks" / "Pulumi.local.yaml").read_bytes()
    try:
        result = local(world, "up")
        assert result.returncode == 0, result.stdout + result.stderr
        assert (CHECKOUT / "stacks" / "Pulumi.local.yaml").read_bytes() == config
        yield Up(world, result.stdout)
    finally:
        down = local(world, "down")
        shutil.rmtree(directory, ignore_errors=True)
        assert down.returncode == 0, down.stdout + down.stderr
