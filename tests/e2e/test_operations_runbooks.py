"""Runs the runbooks of docs/operations.md on a sandbox. Each test makes the fault, and then runs the printed commands.

The operator works in a copy of the checkout, so that a runbook may change the stack's config.
"""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from contract.shields import HEALTH_PATH, HEALTH_PORT
from emulation.engine.environment import shell_environment
from emulation.engine.find import ensure_engine
from local.stack import PASSPHRASE
from tests.support.packages import tarball
from tests.support.runbooks import runbook
from tests.support.sandbox.commands import registry
from tests.support.sandbox.edge import EU_WEST, access
from tests.support.sandbox.operator_shell import OperatorShell, checkout_with_copies
from tests.support.sandbox.shields import machines
from tests.support.sandbox.up import Up
from tests.support.waiting import eventually

PAGE = "docs/operations.md"
STACK = {"--stack prod": "--stack local"}
OUTPUTS = "pulumi stack output --json --stack local > outputs.json"
SMALL = "/npm/@acme/greeting"  # a document that `make up` publishes, and that every identity may read


@pytest.fixture(scope="module")
def shell(up: Up, tmp_path_factory: pytest.TempPathFactory) -> OperatorShell:
    checkout = checkout_with_copies(tmp_path_factory.mktemp("operator"), "stacks", "workers")
    environment = shell_environment(ensure_engine(print), up.sandbox, passphrase=PASSPHRASE)
    made = OperatorShell(checkout, environment, checkout.parent / "commands")
    made.run(f"pulumi stack select local\n{OUTPUTS}")
    return made


def address_of(up: Up, region: str) -> str:
    return next(each["address"] for each in up.outputs()["shields"] if each["region"] == region)


def healthy(address: str) -> bool:
    try:
        return httpx.get(f"http://{address}:{HEALTH_PORT}{HEALTH_PATH}", timeout=5).status_code == 200
    except httpx.HTTPError:
        return False


def test_the_first_commands_list_the_machines_and_the_undelivered_changes(up: Up, shell: OperatorShell) -> None:
    (both,) = runbook(PAGE, "Operations").blocks(STACK)
    printed = shell.run(both)
    assert all(shield["host"] in printed for shield in up.outputs()["shields"])


def test_a_stopped_shield_machine_is_started(up: Up, shell: OperatorShell) -> None:
    (machine,), address = machines(up, "eu-west-1"), address_of(up, "eu-west-1")
    up.aws("ec2", "eu-west-1").stop_instances(InstanceIds=[machine])
    assert eventually(lambda: not healthy(address))
    values = {**STACK, "<region>": "eu-west-1", "<id of the instance>": machine, "<URN of the instance>": "any"}
    start, *_ = runbook(PAGE, "A shield machine is down").blocks(values)
    shell.run(start)
    assert eventually(lambda: healthy(address))


def test_a_lost_region_is_removed_and_added_again(up: Up, shell: OperatorShell) -> None:
    lost = runbook(PAGE, "A shield region is lost")
    (machine,), address = machines(up, "eu-west-1"), address_of(up, "eu-west-1")
    up.aws("ec2", "eu-west-1").stop_instances(InstanceIds=[machine])
    assert eventually(lambda: not healthy(address))
    config = shell.directory / "stacks/Pulumi.local.yaml"
    whole = config.read_text()
    setting = lost.command("artifact-edge:shields")
    shell.run(f"pulumi config rm --stack local --path '{setting}[1]'")
    shell.run(lost.command("pulumi up"))
    up.forget_outputs()
    assert {shield["region"] for shield in up.outputs()["shields"]} == {"us-east-1", "asia-southeast1"}
    with httpx.Client(**access(up, EU_WEST)) as client:
        assert eventually(lambda: client.get(SMALL).status_code == 200)

    config.write_text(whole)
    shell.run(lost.command("pulumi up"))
    up.forget_outputs()
    assert eventually(lambda: healthy(address_of(up, "eu-west-1")))
    shell.run(OUTPUTS)


def test_objects_that_the_replication_role_could_not_copy_are_copied_again(
    up: Up, shell: OperatorShell, tmp_path: Path
) -> None:
    iam, s3 = up.aws("iam"), up.aws("s3", "eu-west-1")
    role = next(each for each in iam.list_roles()["Roles"] if each["RoleName"].endswith("replication"))["RoleName"]
    (policy,) = iam.list_role_policies(RoleName=role)["PolicyNames"]
    iam.delete_role_policy(RoleName=role, PolicyName=policy)
    package = tarball(tmp_path / "uncopied.tgz", {"name": "uncopied", "version": "1.0.0"})
    assert registry(up, "publish", package).returncode == 0
    primary, replica = (bucket["name"] for bucket in up.outputs()["buckets"])
    key = "npm/uncopied/-/uncopied-1.0.0.tgz"

    def is_failed() -> bool:
        return up.aws("s3").head_object(Bucket=primary, Key=key).get("ReplicationStatus") == "FAILED"

    assert eventually(is_failed)
    (block,) = runbook(PAGE, "Objects are not copied").blocks({})
    failed, retry = block.splitlines()
    assert key in shell.run(failed, status=1)
    shell.run("pulumi up --stack local --refresh")
    assert key in shell.run(retry)

    def is_copied() -> bool:
        return bool(s3.list_objects_v2(Bucket=replica, Prefix=key).get("Contents"))

    assert eventually(is_copied)
    assert "0 objects failed" in shell.run(failed)
