"""Tests `python -m drift` on a whole stack. The command must find differences between the stack's state and the
emulated AWS account.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import boto3
import pytest

from drift.aws import compare
from drift.state import Resource, State
from tests.support.harness import aws_account
from tests.support.stacks import brought_up, stack_config

TAGS = [{"Key": "project", "Value": "artifact-edge"}, {"Key": "environment", "Value": "prod"}]


@pytest.fixture(scope="module")
def state() -> Iterator[State]:
    """Deploys the stack `prod` to the emulated AWS account, and provides the Pulumi state of the stack."""
    with aws_account(), tempfile.TemporaryDirectory() as directory:
        deployment, _ = brought_up("prod", stack_config("prod"), Path(directory))
        resources = [
            Resource(each.urn, each.type, each.id, each.outputs)
            for each in deployment.resources
            if not each.type.startswith("artifact-edge:")
        ]
        yield State("artifact-edge", "prod", resources)


def ec2(region: str) -> Any:
    return cast(Any, boto3).client("ec2", region_name=region)


def tagged(kind: str, tags: list[dict[str, str]] = TAGS) -> list[dict[str, Any]]:
    return [{"ResourceType": kind, "Tags": tags}]


def test_a_new_stack_differs_only_by_what_the_account_lacks(state: State) -> None:
    gone = [
        replace(
            state.of_type(type_token)[0], id=f"gone-{name}", urn=f"urn:{name}", outputs={"arn": f"arn:aws:s3:::{name}"}
        )
        for name, type_token in (
            ("machine", "aws:ec2/instance:Instance"),
            ("bucket", "aws:s3/bucket:Bucket"),
            ("check", "aws:route53/healthCheck:HealthCheck"),
        )
    ]
    assert compare(replace(state, resources=[*state.resources, *gone])).lines() == [
        f"missing from the account: {each.id} ({each.urn})" for each in gone
    ]
    assert len(state.of_type("aws:ec2/instance:Instance")) == 10


def test_resources_that_a_killed_engine_left_are_found_until_they_are_deleted(state: State) -> None:
    """Checks that `python -m drift` finds resources that are missing from the Pulumi state. It must also search the
    region sa-east-1, although the state has no resource there. Resources of the stack `prod-eu` are not orphans.
    """
    with ExitStack() as deletions:
        left = [
            *(address_left(region, deletions) for region in ("eu-west-1", "sa-east-1")),
            machine_left(deletions),
            accelerator_left(deletions),
            role_left(deletions),
            health_check_left(deletions),
        ]
        assert compare(state).lines() == [f"missing from the state: {arn}" for arn in sorted(left)]
    assert compare(state).lines() == []


def address_left(region: str, deletions: ExitStack) -> str:
    """Creates one address with the tags of the stack `prod`, and one of the stack `prod-eu`. Returns the first one's
    ARN. The functions below do the same with other resources.
    """
    other = [{"Key": "project", "Value": "artifact-edge"}, {"Key": "environment", "Value": "prod-eu"}]
    api = ec2(region)
    made, foreign = (
        api.allocate_address(Domain="vpc", TagSpecifications=tagged("elastic-ip", tags))["AllocationId"]
        for tags in (TAGS, other)
    )
    for each in (made, foreign):
        deletions.callback(api.release_address, AllocationId=each)
    return f"arn:aws:ec2:{region}:123456789012:elastic-ip/{made}"


def machine_left(deletions: ExitStack) -> str:
    api = ec2("us-east-1")
    image = api.register_image(Name="debian")["ImageId"]
    started = api.run_instances(ImageId=image, MinCount=1, MaxCount=1, TagSpecifications=tagged("instance"))
    machine = started["Instances"][0]["InstanceId"]
    deletions.callback(api.terminate_instances, InstanceIds=[machine])
    return f"arn:aws:ec2:us-east-1:123456789012:instance/{machine}"


def accelerator_left(deletions: ExitStack) -> str:
    api = cast(Any, boto3).client("globalaccelerator", region_name="us-west-2")
    left = api.create_accelerator(Name="left", IdempotencyToken="left", Tags=TAGS)["Accelerator"]["AcceleratorArn"]
    other = api.create_accelerator(Name="other", IdempotencyToken="other")["Accelerator"]["AcceleratorArn"]
    for arn in (left, other):
        deletions.callback(api.delete_accelerator, AcceleratorArn=arn)
        deletions.callback(api.update_accelerator, AcceleratorArn=arn, Enabled=False)
    return left


def role_left(deletions: ExitStack) -> str:
    iam = cast(Any, boto3).client("iam")
    role = iam.create_role(RoleName="artifact-edge-prod-left", AssumeRolePolicyDocument="{}", Tags=TAGS)["Role"]
    iam.create_role(RoleName="artifact-edge-prod-eu-drain", AssumeRolePolicyDocument="{}")
    for name in ("artifact-edge-prod-left", "artifact-edge-prod-eu-drain"):
        deletions.callback(iam.delete_role, RoleName=name)
    return role["Arn"]


def health_check_left(deletions: ExitStack) -> str:
    route53 = cast(Any, boto3).client("route53")
    config = {"Type": "TCP", "IPAddress": "192.0.2.1", "Port": 443}
    check = route53.create_health_check(CallerReference="left", HealthCheckConfig=config)["HealthCheck"]["Id"]
    deletions.callback(route53.delete_health_check, HealthCheckId=check)
    route53.change_tags_for_resource(ResourceType="healthcheck", ResourceId=check, AddTags=TAGS)
    return f"arn:aws:route53:::healthcheck/{check}"
