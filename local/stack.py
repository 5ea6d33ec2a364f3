"""Runs `pulumi` commands on the stack `local`, for `make up` and `make down`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from emulation.engine.command import pulumi
from emulation.engine.find import Engine
from emulation.layout import Sandbox
from local.checkout import CHECKOUT

STACK = "local"

# The salt in stacks/Pulumi.local.yaml belongs to this passphrase. The decision record
# docs/decisions/local-passphrase.md says why the passphrase may be public.
PASSPHRASE = "artifact-edge-local"  # noqa: S105  public on purpose


class StackError(Exception):
    """Raised when a `pulumi` command has failed. The message contains the errors that Pulumi reports, one per line."""


@dataclass(frozen=True)
class LocalStack:
    """The Pulumi stack of one sandbox, and the Pulumi engine that operates the stack. The methods need the emulated
    providers, which must already run.
    """

    engine: Engine
    sandbox: Sandbox

    def select(self) -> None:
        self._pulumi("stack", "select", "--create", STACK)

    def exists(self) -> bool:
        """Returns whether the stack exists. It is missing if `make up` failed before it created the stack."""
        return any(stack["name"] == STACK for stack in json.loads(self._pulumi("stack", "ls", "--json")))

    def up(self, *, refresh: bool) -> dict[str, int]:
        """Runs `pulumi up`, and returns the number of resources for each kind of change ("create", "same", …).

        If `refresh` is true, Pulumi first compares the state with the clouds. This comparison is necessary after the
        clouds have lost resources.
        """
        self._pulumi("up", "--yes", "--skip-preview", *(["--refresh"] if refresh else []))
        last = json.loads(self._pulumi("stack", "history", "--json", "--page-size", "1"))[0]
        return last["resourceChanges"]

    def destroy(self) -> None:
        self._pulumi("destroy", "--yes", "--skip-preview")

    def outputs(self) -> dict[str, Any]:
        return json.loads(self._pulumi("stack", "output", "--json"))

    def _pulumi(self, *arguments: str) -> str:
        """Runs a `pulumi` command and returns its standard output. All output is also appended to `logs/pulumi.log`.

        Raises StackError when the command fails.
        """
        result = pulumi(self.engine, self.sandbox, CHECKOUT, *arguments, passphrase=PASSPHRASE)
        with self.sandbox.path("logs", "pulumi.log").open("a") as log:
            log.write(f"$ pulumi {' '.join(arguments)}\n{result.stdout}{result.stderr}")
        if result.returncode:
            raise StackError("\n".join(reasons(result.stdout + result.stderr)) or result.stderr.strip())
        return result.stdout


def reasons(output: str) -> Iterator[str]:
    """Yields each error in the output of a `pulumi` command once. Leaves out summaries such as "update failed".

    Indented lines below the first line of an error belong to the error. Such a line names, for example, the holder of
    the stack's lock.
    """
    seen = {"update failed", "preview failed"}
    indent: int | None = None
    for line in output.splitlines():
        found = re.match(r"(\s*)error: (.+)", line)
        text = found[2] if found else line.strip()
        if found:
            indent = max(len(found[1]), 1)
        elif indent is None or not text or len(line) - len(line.lstrip()) < indent:
            indent = None
            continue
        if text not in seen:
            seen.add(text)
            yield text
