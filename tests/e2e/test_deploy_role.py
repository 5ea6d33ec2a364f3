"""Tests `pulumi up` of an environment with the real engine and the credentials of the environment's deploy role.

The bootstrap stack creates the deploy role. The emulated AWS evaluates the role's policies and its permissions
boundaries for each API call of the provider.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, cast

import boto3
import pytest

from local import operator
from previews.temporary_sandbox import TemporarySandbox, temporary_sandbox
from tests.support.bootstrap_stack import bootstrap_up
from tests.support.provider_credentials import aws_of, restart_provider

pytestmark = pytest.mark.plans

ROLE = "artifact-edge-bootstrap-dev-deploy"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[TemporarySandbox]:
    """Provides a sandbox (emulated clouds) with the stack `dev`. The sandbox's AWS provider has only the credentials of
    the stack's deploy role.
    """
    with temporary_sandbox("127.68", print) as temporary, pytest.MonkeyPatch.context() as environment:
        aws_of(temporary, environment)
        bootstrap_up()
        stacks = temporary.project / "stacks"
        operator.make_keys(temporary.clouds, "dev", stacks)
        operator.add_edge_zone(temporary.clouds, "dev", stacks)
        temporary.pulumi("stack", "init", "dev")
        restart_provider(temporary, ROLE)
        yield temporary


def aws(service: str) -> Any:
    return cast(Any, boto3).client(service, region_name="us-east-1")


def up(sandbox: TemporarySandbox) -> tuple[int, str]:
    result = sandbox.pulumi("up", "--yes", "--skip-preview", "--stack", "dev")
    return result.returncode, result.stdout + result.stderr


def put_policy(document: Mapping[str, Any]) -> None:
    aws("iam").put_role_policy(RoleName=ROLE, PolicyName="change", PolicyDocument=json.dumps(document))


def test_the_deploy_role_deploys_the_stack_and_a_missing_permission_is_named(sandbox: TemporarySandbox) -> None:
    policy = aws("iam").get_role_policy(RoleName=ROLE, PolicyName="change")["PolicyDocument"]
    put_policy({**policy, "Statement": [each for each in policy["Statement"] if each["Action"] != ["sqs:*"]]})
    status, output = up(sandbox)
    assert status != 0
    queue = "arn:aws:sqs:us-east-1:123456789012:artifact-edge-dev-entitlements-dead"
    assert f"is not authorized to perform: sqs:CreateQueue on resource: {queue}" in output
    put_policy(policy)
    status, output = up(sandbox)
    assert status == 0, output
    assert aws("sqs").get_queue_url(QueueName=queue.rpartition(":")[2])["QueueUrl"]
    status, output = up(sandbox)
    assert status == 0, output
    assert "to create" not in output and "created" not in output, output
