"""The world that `make up` makes, in a place of its own, brought up once for all tests that ask for it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, cast

import boto3
import pytest

from emulation.engine.find import ensure_engine
from emulation.layout import CHECKOUT, LOOPBACK_VARIABLE, World
from local.stack import LocalStack

LOOPBACK = "127.90"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks tests of the one world that all of them share; all others make worlds of their own, at other addresses."""
    for item in items:
        if isinstance(item, pytest.Function) and "up" in item.fixturenames:
            item.add_marker("shares_a_world")


@dataclass(frozen=True)
class Up:
    """A world that is up, and what was printed while it came up."""

    world: World
    printed: str

    def commands(self, heading: str) -> list[str]:
        """The indented lines under the printed line that ends in `heading`."""
        found = re.search(re.escape(heading) + r"\n((?:  \S[^\n]*\n)+)", self.printed)
        assert found, self.printed
        return [line.strip() for line in found[1].splitlines()]

    def outputs(self) -> dict[str, Any]:
        """The stack's; no test changes them."""
        return _outputs(self.world)

    def aws(self, service: str, region: str = "us-east-1") -> Any:
        """A client of the emulated AWS, in the primary region if no other is named."""
        return cast(Any, boto3).client(
            service,
            region_name=region,
            endpoint_url=self.world.aws_url,
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )


@cache
def _outputs(world: World) -> dict[str, Any]:
    return LocalStack(ensure_engine(print), world).outputs()


def local(world: World, command: str, *more: str) -> subprocess.CompletedProcess[str]:
    """`python -m local <command>` on that world, as the Makefile calls it."""
    return subprocess.run(
        [sys.executable, "-m", "local", command, "--directory", world.directory, *more],
        cwd=CHECKOUT,
        env={**os.environ, LOOPBACK_VARIABLE: world.loopback},
        capture_output=True,
        text=True,
        check=False,
    )


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
