"""Tests `python -m drift` on a whole stack. The command must find differences between the stack's state and the
emulated AWS account.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
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


def test_a_stack_that_was_just_created_has_no_difference(state: State) -> None:
    found = compare(state)
    assert found.lines() == []
    assert len(state.of_type("aws:ec2/instance:Instance")) == 10


@pytest.mark.parametrize("region", ["eu-west-1", "sa-east-1"])
def test_an_address_that_a_killed_engine_left_is_found(state: State, region: str) -> None:
    """Checks that `python -m drift` finds an address that is missing from the Pulumi state. It must also search the
    region sa-east-1, although the state has no resource there.
    """
    made = ec2(region).allocate_address(Domain="vpc", TagSpecifications=tagged("elastic-ip"))["AllocationId"]
    other = [{"Key": "project", "Value": "artifact-edge"}, {"Key": "environment", "Value": "prod-eu"}]
    foreign = ec2(region).allocate_address(Domain="vpc", TagSpecifications=tagged("elastic-ip", other))
    try:
        (line,) = compare(state).lines()
        assert line == f"missing from the state: arn:aws:ec2:{region}:123456789012:elastic-ip/{made}"
    finally:
        for each in (made, foreign["AllocationId"]):
            ec2(region).release_address(AllocationId=each)


def test_a_machine_is_found_until_it_is_terminated(state: State) -> None:
    api = ec2("us-east-1")
    image = api.register_image(Name="debian")["ImageId"]
    started = api.run_instances(ImageId=image, MinCount=1, MaxCount=1, TagSpecifications=tagged("instance"))
    machine = started["Instances"][0]["InstanceId"]
    assert compare(state).orphans == [f"arn:aws:ec2:us-east-1:123456789012:instance/{machine}"]
    api.terminate_instances(InstanceIds=[machine])
    assert compare(state).lines() == []


def test_an_accelerator_is_found(state: State) -> None:
    api = cast(Any, boto3).client("globalaccelerator", region_name="us-west-2")
    left = api.create_accelerator(Name="left", IdempotencyToken="left", Tags=TAGS)["Accelerator"]["AcceleratorArn"]
    other = api.create_accelerator(Name="other", IdempotencyToken="other")["Accelerator"]["AcceleratorArn"]
    try:
        assert compare(state).orphans == [left]
    finally:
        for arn in (left, other):
            api.update_accelerator(AcceleratorArn=arn, Enabled=False)
            api.delete_accelerator(AcceleratorArn=arn)


def test_a_role_and_a_health_check_are_found(state: State) -> None:
    iam, route53 = (cast(Any, boto3).client(service, region_name="us-east-1") for service in ("iam", "route53"))
    role = iam.create_role(RoleName="artifact-edge-prod-left", AssumeRolePolicyDocument="{}", Tags=TAGS)["Role"]["Arn"]
    iam.create_role(RoleName="artifact-edge-prod-eu-drain", AssumeRolePolicyDocument="{}")
    check = route53.create_health_check(
        CallerReference="left",
        HealthCheckConfig={"Type": "TCP", "IPAddress": "192.0.2.1", "Port": 443},
    )["HealthCheck"]["Id"]
    route53.change_tags_for_resource(ResourceType="healthcheck", ResourceId=check, AddTags=TAGS)
    try:
        assert compare(state).orphans == [role, f"arn:aws:route53:::healthcheck/{check}"]
    finally:
        for name in ("artifact-edge-prod-left", "artifact-edge-prod-eu-drain"):
            iam.delete_role(RoleName=name)
        route53.delete_health_check(HealthCheckId=check)


@pytest.mark.parametrize(
    "type_token", ["aws:ec2/instance:Instance", "aws:s3/bucket:Bucket", "aws:route53/healthCheck:HealthCheck"]
)
def test_what_the_account_lacks_is_named(state: State, type_token: str) -> None:
    gone = replace(
        state.of_type(type_token)[0],
        id="gone",
        urn="urn:pulumi:prod::artifact-edge::x::gone",
        outputs={"arn": "arn:aws:s3:::gone"},
    )
    assert compare(replace(state, resources=[*state.resources, gone])).lines() == [
        "missing from the account: gone (urn:pulumi:prod::artifact-edge::x::gone)"
    ]
