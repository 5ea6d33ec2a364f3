"""Stack `local` in the hands of the engine: what `make up` and `make down` have it do."""

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

# It fits the salt in stacks/Pulumi.local.yaml; docs/decisions/local-passphrase.md says why it may be public.
PASSPHRASE = "artifact-edge-local"  # noqa: S105  public on purpose


class StackError(Exception):
    """The engine refused or failed; the message is what it gave as reasons, a line each."""


@dataclass(frozen=True)
class LocalStack:
    """The stack of one sandbox, run by one engine. The emulated providers must be there."""

    engine: Engine
    sandbox: Sandbox

    def select(self) -> None:
        self._pulumi("stack", "select", "--create", STACK)

    def up(self, *, refresh: bool) -> dict[str, int]:
        """Provisions, and returns how many resources were created, updated, the same… `refresh` looks at the clouds
        first, as is needed when they may have forgotten what the state remembers."""
        self._pulumi("up", "--yes", "--skip-preview", *(["--refresh"] if refresh else []))
        last = json.loads(self._pulumi("stack", "history", "--json", "--page-size", "1"))[0]
        return last["resourceChanges"]

    def destroy(self) -> None:
        self._pulumi("destroy", "--yes", "--skip-preview")

    def outputs(self) -> dict[str, Any]:
        return json.loads(self._pulumi("stack", "output", "--json"))

    def _pulumi(self, *arguments: str) -> str:
        """Its standard output; all that it said goes to `logs/pulumi.log` too."""
        result = pulumi(self.engine, self.sandbox, CHECKOUT, *arguments, passphrase=PASSPHRASE)
        with self.sandbox.path("logs", "pulumi.log").open("a") as log:
            log.write(f"$ pulumi {' '.join(arguments)}\n{result.stdout}{result.stderr}")
        if result.returncode:
            raise StackError("\n".join(_reasons(result.stdout + result.stderr)) or result.stderr.strip())
        return result.stdout


def _reasons(output: str) -> Iterator[str]:
    """The engine's error lines, each once, without those that only say that there were errors."""
    seen = {"update failed", "preview failed"}
    for line in output.splitlines():
        found = re.match(r"\s*error: (.+)", line)
        if found and found[1] not in seen:
            seen.add(found[1])
            yield found[1]
