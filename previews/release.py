"""Recorded releases: the state that each stack had, against which later programs are previewed.

A release is `releases/<version>/<stack>.json.gz`, made by a real `up` of each stack on emulated clouds.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import boto3
import yaml
from packaging.version import Version

from contract.secrets import secret_id
from emulation.engine.find import Report
from emulation.layout import World
from gates import state
from local.checkout import CHECKOUT
from previews.plans import STACKS
from previews.scratch import Scratch, scratch

RELEASES = CHECKOUT / "releases"
LOOPBACK = "127.75"
"""Beside the address ranges of `make up` and `make preview`."""

_SECRETS = ("edge", "metadata-api", "shield", "authority")


class ReleaseError(Exception):
    """A stack could not be brought up, or a state not be taken; the message says what the engine said."""


def record(version: str, report: Report) -> None:
    """Brings every stack up, each in a world of its own, and keeps its state. Raises ReleaseError."""
    for stack in STACKS:
        with scratch(LOOPBACK, report) as world:
            world.new_stack(stack)
            _engine(world, "up", "--yes", "--skip-preview", "--stack", stack)
            export = json.loads(_engine(world, "stack", "export", "--show-secrets", "--stack", stack))
            scrubbed = state.scrub(export, secrets_of(world.world, stack))
        file = RELEASES / version / f"{stack}.json.gz"
        state.write(scrubbed, file)
        report(f"{stack}: {len(scrubbed['deployment']['resources'])} resources, {file}")


def latest(stack: str) -> Path | None:
    """The stack's state in the newest release that has one."""
    recorded = RELEASES.glob(f"*/{stack}.json.gz")
    return max(recorded, key=lambda file: Version(file.parent.name), default=None)


def load(world: Scratch, stack: str, file: Path) -> None:
    """Makes the stack in `world`, which exists, believe that it is deployed as `file` says."""
    config = yaml.safe_load((world.project / "stacks" / f"Pulumi.{stack}.yaml").read_text())
    restored = state.restore(state.read(file), secrets_of(world.world, stack))
    # Whoever imports secrets has to say how they are to be kept: here as the new stack keeps its own.
    provider = {"type": "passphrase", "state": {"salt": config["encryptionsalt"]}}
    restored["deployment"]["secrets_providers"] = provider
    imported = world.world.path("import.json")
    imported.write_text(json.dumps(restored))
    _engine(world, "stack", "import", "--stack", stack, "--file", str(imported))
    imported.unlink()


def secrets_of(world: World, stack: str) -> dict[str, str]:
    """What `registry keys init` made for the stack, by `<secret>.<field>`."""
    manager = cast(Any, boto3).client(
        "secretsmanager",
        region_name="us-east-1",
        endpoint_url=world.aws_url,
        aws_access_key_id="local",
        aws_secret_access_key="local",  # noqa: S106  means nothing to the emulated AWS
    )
    return {
        f"{name}.{field}": value
        for name in _SECRETS
        for field, value in json.loads(
            manager.get_secret_value(SecretId=secret_id(stack, name))["SecretString"]
        ).items()
    }


def _engine(world: Scratch, *arguments: str) -> str:
    result = world.pulumi(*arguments)
    if result.returncode:
        raise ReleaseError(f"pulumi {arguments[0]} failed:\n{(result.stderr or result.stdout).strip()}")
    return result.stdout
