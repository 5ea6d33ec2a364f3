"""Provides a temporary sandbox of emulated clouds. The test itself configures the stack in this sandbox."""

from __future__ import annotations

import json
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import yaml

from emulation import services
from local import health, operator
from local.clients import GRANTS, Client
from previews.temporary_sandbox import TemporarySandbox, temporary_sandbox
from tests.support.sandbox.up import Up


@dataclass(frozen=True)
class OwnStack(Up):
    """A stack with the config of one test, after `pulumi up`. The stack's functions, machines and workers run, and the
    sample packages are published.
    """

    project: TemporarySandbox

    @cached_property
    def _outputs(self) -> dict[str, Any]:
        return json.loads(self.project.pulumi("stack", "output", "--json").stdout)

    def outputs(self) -> dict[str, Any]:
        return self._outputs

    def client_of(self, identity: str, grants: list[str]) -> Client:
        """Configures a client with a new token that has the given grants. Returns the client."""
        client = Client(self.sandbox, identity, self.outputs()["url"])
        client.configure(operator.issue_token(self.sandbox, self.outputs(), identity, grants))
        return client


@contextmanager
def own_stack(loopback: str, name: str, config: Mapping[str, Any]) -> Generator[OwnStack]:
    """Deploys a stack in a temporary sandbox of emulated clouds, with a token for the client `reader`. `loopback` is
    the first part of the sandbox's IP addresses, such as `127.96`.
    """
    with temporary_sandbox(loopback, print) as made:
        (made.project / "stacks" / f"Pulumi.{name}.yaml").write_text(yaml.safe_dump({"config": dict(config)}))
        made.new_stack(name)
        result = made.pulumi("up", "--yes", "--skip-preview")
        assert result.returncode == 0, result.stdout + result.stderr
        stack = OwnStack(made.clouds, "", made)
        services.start(made.clouds, services.RUNTIME)
        health.wait(made.clouds, stack.outputs(), print)
        operator.publish_samples(made.clouds, stack.outputs())
        stack.client_of("reader", GRANTS["reader"])
        yield stack
