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
from emulation.layout import Sandbox
from gates import state
from local.checkout import CHECKOUT
from previews.plans import STACKS
from previews.temporary_sandbox import TemporarySandbox, temporary_sandbox

RELEASES = CHECKOUT / "releases"
LOOPBACK = "127.75"
"""Beside the address ranges of `make up` and `make preview`."""

_SECRETS = ("edge", "metadata-api", "shield", "authority")


class ReleaseError(Exception):
    """A stack could not be brought up, or a state not be taken; the message says what the engine said."""


def record(version: str, report: Report) -> None:
    """Brings every stack up, each in a sandbox of its own, and keeps its state. Raises ReleaseError."""
    for stack in STACKS:
        with temporary_sandbox(LOOPBACK, report) as sandbox:
            sandbox.new_stack(stack)
            _engine(sandbox, "up", "--yes", "--skip-preview", "--stack", stack)
            export = json.loads(_engine(sandbox, "stack", "export", "--show-secrets", "--stack", stack))
            scrubbed = state.scrub(export, secrets_of(sandbox.clouds, stack))
        file = RELEASES / version / f"{stack}.json.gz"
        state.write(scrubbed, file)
        report(f"{stack}: {len(scrubbed['deployment']['resources'])} resources, {file}")


def latest(stack: str) -> Path | None:
    """The stack's state in the newest release that has one."""
    recorded = RELEASES.glob(f"*/{stack}.json.gz")
    return max(recorded, key=lambda file: Version(file.parent.name), default=None)


def load(sandbox: TemporarySandbox, stack: str, file: Path) -> None:
    """Makes the stack in `sandbox`, which exists, believe that it is deployed as `file` says."""
    config = yaml.safe_load((sandbox.project / "stacks" / f"Pulumi.{stack}.yaml").read_text())
    restored = state.restore(state.read(file), secrets_of(sandbox.clouds, stack))
    # Whoever imports secrets has to say how they are to be kept: here as the new stack keeps its own.
    provider = {"type": "passphrase", "state": {"salt": config["encryptionsalt"]}}
    restored["deployment"]["secrets_providers"] = provider
    imported = sandbox.clouds.path("import.json")
    imported.write_text(json.dumps(restored))
    _engine(sandbox, "stack", "import", "--stack", stack, "--file", str(imported))
    imported.unlink()


def secrets_of(sandbox: Sandbox, stack: str) -> dict[str, str]:
    """What `registry keys init` made for the stack, by `<secret>.<field>`."""
    manager = cast(Any, boto3).client(
        "secretsmanager",
        region_name="us-east-1",
        endpoint_url=sandbox.aws_url,
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


def _engine(sandbox: TemporarySandbox, *arguments: str) -> str:
    result = sandbox.pulumi(*arguments)
    if result.returncode:
        raise ReleaseError(f"pulumi {arguments[0]} failed:\n{(result.stderr or result.stdout).strip()}")
    return result.stdout
