"""Tests `make up` and `make down`: the stack's state, a second `make up`, and a complete removal."""

from __future__ import annotations

import getpass
import json
import os
import platform
import re
import signal
import subprocess
from collections.abc import Generator
from contextlib import contextmanager

import pytest

from emulation.engine.environment import shell_environment
from emulation.engine.find import ensure_engine
from emulation.layout import Sandbox
from local.checkout import CHECKOUT
from local.stack import PASSPHRASE
from tests.support.enterable_directory import enterable_directory
from tests.support.sandbox.up import Up, local
from tests.support.waiting import eventually

# The fields with certificates in the stack's secrets. Certificates are public, so these fields may be in plain text.
PUBLIC = {"client_ca", "client_certificate"}


def pulumi(up: Up, *arguments: str) -> str:
    """Runs a `pulumi` command with the environment variables that `make up` prints, and returns the command's
    output.
    """
    return subprocess.run(
        ["pulumi", *arguments, "--stack", "local", "--non-interactive"],
        cwd=CHECKOUT,
        env={**os.environ, **shell_environment(ensure_engine(print), up.sandbox, passphrase=PASSPHRASE)},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout


@contextmanager
def stopped_update(up: Up) -> Generator[subprocess.Popen[bytes]]:
    """Starts `pulumi up`, and pauses the engine with SIGSTOP as soon as it has locked the stack. After the `with`
    block, the engine continues and completes the update.
    """
    locks = up.sandbox.path("pulumi", "state") / ".pulumi" / "locks"
    engine = subprocess.Popen(
        ["pulumi", "up", "--yes", "--skip-preview", "--stack", "local", "--non-interactive"],
        cwd=CHECKOUT,
        env={**os.environ, **shell_environment(ensure_engine(print), up.sandbox, passphrase=PASSPHRASE)},
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        assert eventually(lambda: any(locks.rglob("*.json")))
        engine.send_signal(signal.SIGSTOP)
        yield engine
    finally:
        engine.send_signal(signal.SIGCONT)
        assert engine.wait(timeout=300) == 0


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


def stop(up: Up, name: str, region: str) -> None:
    """Stops the EC2 machine with the given name, as a user can do by hand."""
    ec2 = up.aws("ec2", region)
    (reservation,) = ec2.describe_instances(Filters=[{"Name": "tag:Name", "Values": [name]}])["Reservations"]
    ec2.stop_instances(InstanceIds=[reservation["Instances"][0]["InstanceId"]])


def test_a_second_up_changes_nothing_and_starts_stopped_machines(up: Up) -> None:
    names = ("artifact-edge-local-eu-west-1-0", "artifact-edge-local-pop-us-east-1-0")
    for name, region in zip(names, ("eu-west-1", "us-east-1"), strict=True):
        stop(up, name, region)
    status = local(up.sandbox, "status")
    assert status.returncode == 1
    for name in names:
        assert f"machine {name} was stopped by hand; `make up` starts it" in status.stderr

    again = local(up.sandbox, "up")
    assert again.returncode == 0, again.stderr
    for name in names:
        assert f"machine {name} was stopped by hand; starting it" in again.stdout
    assert "0 changes" in again.stdout
    heading = "in a shell and a directory of your own:"
    assert Up(up.sandbox, again.stdout).commands(heading) == up.commands(heading)
    assert local(up.sandbox, "status").returncode == 0


def test_alarms_rules_and_permissions_that_someone_changes_are_seen_and_repaired(up: Up) -> None:
    events, cloudwatch, iam = (up.aws(service) for service in ("events", "cloudwatch", "iam"))
    rule, alarm, role = "artifact-edge-local-drain", "artifact-edge-local-drain-errors", "artifact-edge-local-shield"
    everything = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    policies = iam.list_role_policies(RoleName=role)["PolicyNames"]
    policy = iam.create_policy(PolicyName="by-hand", PolicyDocument=json.dumps(everything))["Policy"]["Arn"]
    events.disable_rule(Name=rule)
    cloudwatch.disable_alarm_actions(AlarmNames=[alarm])
    iam.put_role_policy(RoleName=role, PolicyName="by-hand", PolicyDocument=json.dumps(everything))
    iam.attach_role_policy(RoleName=role, PolicyArn=policy)

    steps = json.loads(pulumi(up, "preview", "--refresh", "--json"))["steps"]
    assert sorted(step["urn"].split("$")[-1] for step in steps if step["op"] == "update") == [
        "aws:cloudwatch/eventRule:EventRule::drain",
        "aws:cloudwatch/metricAlarm:MetricAlarm::drain-errors",
        "aws:iam/rolePoliciesExclusive:RolePoliciesExclusive::shield",
        "aws:iam/rolePolicyAttachmentsExclusive:RolePolicyAttachmentsExclusive::shield",
    ]
    pulumi(up, "up", "--refresh", "--yes", "--skip-preview")
    assert events.describe_rule(Name=rule)["State"] == "ENABLED"
    assert cloudwatch.describe_alarms(AlarmNames=[alarm])["MetricAlarms"][0]["ActionsEnabled"] is True
    assert iam.list_role_policies(RoleName=role)["PolicyNames"] == policies
    assert iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"] == []


@pytest.mark.nightly
def test_the_process_that_has_locked_the_stack_is_named(up: Up) -> None:
    with stopped_update(up) as engine:
        refused = local(up.sandbox, "up")
    assert refused.returncode == 1
    first, *_, holder = refused.stderr.splitlines()
    assert first.startswith("error: the stack is currently locked by 1 lock(s)")
    named = rf"created by {getpass.getuser()}@{platform.node()} \(pid {engine.pid}\) at \d{{4}}-\d\d-\d\dT\S+$"
    assert re.search(named, holder), refused.stderr


def test_a_second_sandbox_at_the_same_addresses_is_refused(up: Up) -> None:
    with enterable_directory() as directory:
        refused = local(Sandbox(directory=directory, loopback=up.sandbox.loopback), "up")
    assert refused.returncode != 0
    assert "in use by another sandbox" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert local(up.sandbox, "status").returncode == 0
