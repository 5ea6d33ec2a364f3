"""Runs the runbooks of docs/deploying.md for stacks of older releases, which lack a setting of today's stacks."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any, cast

import boto3
import pytest
import yaml

from emulation.engine.environment import shell_environment
from emulation.layout import LOOPBACK_VARIABLE
from local.stack import PASSPHRASE
from previews.temporary_sandbox import TemporarySandbox, temporary_sandbox
from tests.support.bootstrap_stack import bootstrap_up
from tests.support.provider_credentials import aws_of, restart_provider
from tests.support.runbooks import runbook
from tests.support.sandbox.operator_shell import OperatorShell

pytestmark = pytest.mark.nightly

PAGE = "docs/deploying.md"
# The loopback network whose addresses the sandbox (the emulated clouds) uses. The environment variable
# ARTIFACT_EDGE_LOOPBACK can name another network.
LOOPBACK = os.environ.get(LOOPBACK_VARIABLE, "127.71")
BOUNDARY = "artifact-edge:permissions_boundary"


@pytest.fixture
def sandbox() -> Iterator[TemporarySandbox]:
    """Provides a sandbox (emulated clouds) without stacks, and makes boto3 call the emulated AWS."""
    with temporary_sandbox(LOOPBACK, print) as temporary, pytest.MonkeyPatch.context() as environment:
        aws_of(temporary, environment)
        yield temporary


def make_stack(sandbox: TemporarySandbox, name: str, *settings: tuple[str, str]) -> None:
    """Deploys the stack `name` with the config of the stack `dev`, but without a permissions boundary. `settings` adds
    to this config or replaces its values.
    """
    stacks = sandbox.project / "stacks"
    config = yaml.safe_load((stacks / "Pulumi.dev.yaml").read_text())["config"]
    config = {key: value for key, value in config.items() if key != BOUNDARY}
    (stacks / f"Pulumi.{name}.yaml").write_text(yaml.safe_dump({"config": {**config, **dict(settings)}}))
    sandbox.new_stack(name)
    deployed(sandbox, "pulumi up")


def deployed(sandbox: TemporarySandbox, command: str, status: int = 0) -> str:
    """Deploys the stack with a Pulumi command from a runbook. Returns the command's output. Fails if the command's exit
    status is not `status`.
    """
    _, *arguments = command.split()
    result = sandbox.pulumi(*arguments, "--refresh", "--yes", "--skip-preview")
    output = result.stdout + result.stderr
    assert result.returncode == status, output
    return output


def roles() -> dict[str, Any]:
    """Maps the name of each IAM role of the stack `dev` to the role's description from the API operation GetRole."""
    iam: Any = cast(Any, boto3).client("iam", region_name="us-east-1")
    names = [each["RoleName"] for each in iam.list_roles()["Roles"]]
    return {name: iam.get_role(RoleName=name)["Role"] for name in names if name.startswith("artifact-edge-dev-")}


def test_the_deploy_role_adds_the_boundary_to_the_roles_in_place(sandbox: TemporarySandbox) -> None:
    without_boundary = runbook(PAGE, "Stacks without a permissions boundary")
    update = without_boundary.command("pulumi up")
    make_stack(sandbox, "dev")
    bootstrap_up()
    before = roles()
    assert before and not any("PermissionsBoundary" in each for each in before.values())
    # The test deletes a policy of a role, so that the next `pulumi up` has to change this role.
    iam: Any = cast(Any, boto3).client("iam", region_name="us-east-1")
    (policy,) = iam.list_role_policies(RoleName="artifact-edge-dev-drain")["PolicyNames"]
    iam.delete_role_policy(RoleName="artifact-edge-dev-drain", PolicyName=policy)
    restart_provider(sandbox, "artifact-edge-bootstrap-dev-deploy")
    assert "is not authorized to perform: iam:PutRolePolicy" in deployed(sandbox, update, status=1)

    boundary = "arn:aws:iam::123456789012:policy/artifact-edge-bootstrap-dev-boundary"
    sandbox.pulumi("config", "set", BOUNDARY, boundary)
    deployed(sandbox, update)
    after = roles()
    assert {name: each["RoleId"] for name, each in after.items()} == {
        name: each["RoleId"] for name, each in before.items()
    }
    assert {each["PermissionsBoundary"]["PermissionsBoundaryArn"] for each in after.values()} == {boundary}
    assert iam.list_role_policies(RoleName="artifact-edge-dev-drain")["PolicyNames"] == [policy]


def test_a_stack_whose_buckets_lack_the_name_of_the_stack_keeps_its_buckets(sandbox: TemporarySandbox) -> None:
    """The test's stack is called `dev-old`. It is not called `dev`, because another account owns the buckets
    `artifact-edge-dev-<region>` in the emulated S3.
    """
    without_name = runbook(PAGE, "Stacks without a name")
    make_stack(sandbox, "dev-old", ("artifact-edge:name_in_buckets", "false"), ("artifact-edge:protect", "true"))
    environment = shell_environment(sandbox.engine, sandbox.clouds, passphrase=PASSPHRASE)
    shell = OperatorShell(sandbox.project, environment, sandbox.project / "commands")
    buckets = shell.run("pulumi stack output buckets")
    assert "artifact-edge-dev-old-us-east-1" in buckets
    shell.run("pulumi config rm artifact-edge:name; pulumi config rm artifact-edge:name_in_buckets")
    preview = without_name.command("pulumi preview")
    assert "artifact-edge:name: missing; set it with" in shell.run(preview, status=1)

    (both,) = without_name.blocks({"<environment>": "dev-old"})
    name, _ = both.splitlines()
    shell.run(name)
    refused = shell.run(preview, status=1)
    assert "aws:s3:Bucket us-east-1 " in refused and "protect" in refused
    shell.run(both)
    shell.run(f"{preview} --expect-no-changes")
    assert shell.run("pulumi stack output buckets") == buckets
