"""Tests that the test harness, which runs Pulumi programs against emulated clouds, detects mistakes in the programs."""

from __future__ import annotations

from typing import Any

import pulumi
import pulumi_aws as aws
import pytest

from emulation.providers.aws import handlers
from tests.support.harness import deploy

pytestmark = pytest.mark.usefixtures("aws_cloud")

CONFIG = {"aws:region": "us-east-1"}


def bucket() -> None:
    aws.s3.Bucket("bucket", bucket="packages-of-ours")


def test_stack_transforms_reach_the_resource() -> None:
    def rename(args: pulumi.ResourceTransformArgs) -> pulumi.ResourceTransformResult:
        options = pulumi.ResourceOptions.merge(args.opts, pulumi.ResourceOptions(protect=True))
        return pulumi.ResourceTransformResult({**args.props, "tags": {"seen": "yes"}}, options)

    def program() -> None:
        pulumi.runtime.register_resource_transform(rename)
        bucket()

    registered = deploy(program, handlers(), config=CONFIG).of(aws.s3.Bucket)["bucket"]
    assert registered.inputs["tags"] == {"seen": "yes"}
    assert registered.protect


def test_a_type_without_a_handler_is_refused_by_name() -> None:
    with pytest.raises(AssertionError, match="aws:sfn/activity:Activity"):
        deploy(lambda: aws.sfn.Activity("activity"), handlers(), config=CONFIG)


def test_a_wrong_input_is_refused_as_in_the_cloud() -> None:
    def program() -> None:
        wrong: Any = {"statuss": "Enabled"}  # words-ok: misspelt on purpose
        aws.s3.BucketVersioning("bucket", bucket="packages-of-ours", versioning_configuration=wrong)

    says = r"unknown property 'versioningConfiguration\.statuss'"  # words-ok: misspelt on purpose
    with pytest.raises(AssertionError, match=says):
        deploy(program, handlers(), config=CONFIG)


def test_an_assertion_in_an_output_is_not_lost() -> None:
    def check(_: str) -> None:
        raise AssertionError("seen")

    def program() -> None:
        aws.s3.Bucket("bucket", bucket="packages-of-ours").arn.apply(check)

    with pytest.raises(AssertionError, match="seen"):
        deploy(program, handlers(), config=CONFIG)
    assert deploy(bucket, handlers(), config=CONFIG).resources, "a program that failed must not spoil the next"


def test_a_program_that_registers_nothing_fails() -> None:
    with pytest.raises(AssertionError, match="registered no resource"):
        deploy(lambda: None, handlers(), config=CONFIG)


def test_a_secret_export_is_recognized() -> None:
    def program() -> None:
        bucket()
        pulumi.export("open", "a")
        pulumi.export("closed", {"inner": pulumi.Output.secret("b")})

    deployment = deploy(program, handlers(), config=CONFIG)
    assert deployment.outputs == {"open": "a", "closed": {"inner": "b"}}
    assert deployment.secret_outputs == {"closed"}
