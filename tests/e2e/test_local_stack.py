"""Tests `make up` and `make down`: the stack's state, a second run, and a complete removal."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

from emulation.engine.environment import shell_environment
from emulation.engine.find import ensure_engine
from emulation.layout import Sandbox
from local.checkout import CHECKOUT
from local.stack import PASSPHRASE
from tests.support.sandbox.up import Up, local

# Certificates among the fields of the secrets that tiers share; a certificate is public, so it may be in plain text.
PUBLIC = {"client_ca", "client_certificate"}


def pulumi(up: Up, *arguments: str) -> str:
    """Runs a plain `pulumi` command in a shell with the environment that `make up` printed."""
    return subprocess.run(
        ["pulumi", *arguments, "--stack", "local", "--non-interactive"],
        cwd=CHECKOUT,
        env={**os.environ, **shell_environment(ensure_engine(print), up.sandbox, passphrase=PASSPHRASE)},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout


def test_the_state_shows_the_tiers_and_no_secret(up: Up) -> None:
    exported = pulumi(up, "stack", "export")
    types = {resource["type"] for resource in json.loads(exported)["deployment"]["resources"]}
    tiers = {token.split(":")[1] for token in types if token.startswith("artifact-edge:")}
    assert tiers >= {"network", "blobs", "metadata", "identity", "shield", "edge", "dns"}
    kept = up.aws("secretsmanager")
    secrets = [kept.get_secret_value(SecretId=each["ARN"]) for each in kept.list_secrets()["SecretList"]]
    assert len(secrets) == 7
    for secret in secrets:
        for name, value in json.loads(secret["SecretString"]).items():
            if name not in PUBLIC:
                assert json.dumps(value)[1:-1] not in exported, f"{secret['Name']}: {name}"
    for encoded in up.sandbox.path("pulumi", "state", ".pulumi").rglob("*.json"):
        assert "PRIVATE KEY" not in encoded.read_text()


def test_a_second_up_changes_nothing_and_starts_a_stopped_machine(up: Up) -> None:
    ec2 = up.aws("ec2", "eu-west-1")
    (reservation,) = ec2.describe_instances()["Reservations"]
    ec2.stop_instances(InstanceIds=[reservation["Instances"][0]["InstanceId"]])
    stopped = "machine artifact-edge-local-eu-west-1-0 was stopped by hand"
    status = local(up.sandbox, "status")
    assert status.returncode == 1
    assert f"{stopped}; `make up` starts it" in status.stderr

    again = local(up.sandbox, "up")
    assert again.returncode == 0, again.stderr
    assert f"{stopped}; starting it" in again.stdout
    assert "0 changes" in again.stdout
    heading = "in a shell and a directory of your own:"
    assert Up(up.sandbox, again.stdout).commands(heading) == up.commands(heading)
    assert local(up.sandbox, "status").returncode == 0


def test_a_second_sandbox_at_the_same_addresses_is_refused(up: Up, tmp_path: Path) -> None:
    other = Sandbox(directory=tmp_path / "other", loopback=up.sandbox.loopback)
    for parent in other.directory.parents[:3]:
        parent.chmod(0o755)
    refused = local(other, "up")
    assert refused.returncode != 0
    assert "in use by another sandbox" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert local(up.sandbox, "status").returncode == 0
