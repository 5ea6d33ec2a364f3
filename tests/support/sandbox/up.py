"""Gives tests access to a running sandbox (a set of emulated clouds). Tests can read the printed output and the stack's
outputs, and run commands.
"""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from functools import cache
from typing import Any, cast

import boto3

from emulation.engine.find import ensure_engine
from emulation.layout import LOOPBACK_VARIABLE, Sandbox
from emulation.processes import interpreter
from local.checkout import CHECKOUT
from local.stack import LocalStack


@dataclass(frozen=True)
class Up:
    """A running sandbox (a set of emulated clouds), and the output of the command that started the sandbox."""

    sandbox: Sandbox
    printed: str

    def commands(self, heading: str) -> list[str]:
        """Returns the indented lines that `make up` printed below the line that ends in `heading`."""
        found = re.search(re.escape(heading) + r"\n((?:  \S[^\n]*\n)+)", self.printed)
        assert found, self.printed
        return [line.strip() for line in found[1].splitlines()]

    def outputs(self) -> dict[str, Any]:
        """Returns the stack's outputs. The first call reads the outputs from the stack, and later calls return the same
        outputs. If a test changes the outputs, it must call `forget_outputs`.
        """
        return _outputs(self.sandbox)

    def forget_outputs(self) -> None:
        """Discards the cached stack outputs, so that the next call of `outputs` reads them again."""
        _outputs.cache_clear()

    def aws(self, service: str, region: str = "us-east-1") -> Any:
        """Returns a boto3 client of the emulated AWS, by default in the primary region."""
        return cast(Any, boto3).client(
            service,
            region_name=region,
            endpoint_url=self.sandbox.aws_url,
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )


@cache
def _outputs(sandbox: Sandbox) -> dict[str, Any]:
    return LocalStack(ensure_engine(print), sandbox).outputs()


def local(sandbox: Sandbox, command: str, *more: str) -> subprocess.CompletedProcess[str]:
    """Runs `python -m local <command>` on the sandbox, as the Makefile does."""
    return subprocess.run(
        [interpreter(), "-m", "local", command, "--directory", sandbox.directory, *more],
        cwd=CHECKOUT,
        env={**os.environ, LOOPBACK_VARIABLE: sandbox.loopback},
        capture_output=True,
        text=True,
        check=False,
    )
