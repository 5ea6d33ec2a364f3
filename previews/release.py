"""Records the state of each stack at a release. Later previews can then start upgrades from that release.

A release consists of the files `releases/<version>/<stack>.json.gz`. To create them, the module runs a real `pulumi up`
of each stack on emulated clouds.
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
# The loopback network 127.75.0.0/16. The sandboxes (emulated clouds on this machine) that record the Pulumi state at a
# release use this network. `make up` and `make preview` use other networks, and can therefore run at the same time.
LOOPBACK = "127.75"

_SECRETS = ("edge", "metadata-api", "purge-signing", "shield", "authority")


class ReleaseError(Exception):
    """Raised when a `pulumi` command fails while a release is recorded or loaded. The message contains the command's
    output.
    """


def record(version: str, report: Report) -> None:
    """Deploys every stack in a separate sandbox (emulated clouds on this machine), and writes the stack's state to a
    file. Raises ReleaseError when this fails.
    """
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
    """Returns the state file of the newest release that recorded the stack, or None if no release recorded it."""
    recorded = RELEASES.glob(f"*/{stack}.json.gz")
    return max(recorded, key=lambda file: Version(file.parent.name), default=None)


def load(sandbox: TemporarySandbox, stack: str, file: Path) -> None:
    """Imports the recorded state in `file` into the existing stack in `sandbox`, a set of emulated clouds.

    Raises ReleaseError when this fails.
    """
    config = yaml.safe_load((sandbox.project / "stacks" / f"Pulumi.{stack}.yaml").read_text())
    restored = state.restore(state.read(file), secrets_of(sandbox.clouds, stack))
    # Pulumi imports a state only if it names the secrets provider that can decrypt its secrets. The next lines
    # therefore add the stack's secrets provider to the state.
    provider = {"type": "passphrase", "state": {"salt": config["encryptionsalt"]}}
    restored["deployment"]["secrets_providers"] = provider
    imported = sandbox.clouds.path("import.json")
    imported.write_text(json.dumps(restored))
    _engine(sandbox, "stack", "import", "--stack", stack, "--file", str(imported))
    imported.unlink()


def secrets_of(sandbox: Sandbox, stack: str) -> dict[str, str]:
    """Returns the secrets that `registry keys init` created for the stack in the emulated AWS. The keys of the result
    have the form `<secret>.<field>`.
    """
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
