"""Tests the credentials of the sandbox's Lambda functions. A function gets credentials of its role if Lambda may assume
this role.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import boto3
import pytest

from emulation.lambda_runtime.deployed import Code
from emulation.lambda_runtime.instance import FunctionError
from emulation.lambda_runtime.roles import Roles
from emulation.layout import Sandbox
from tests.support.served_clouds import ServedClouds, served_clouds


@pytest.fixture
def clouds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ServedClouds]:
    with served_clouds(tmp_path, "s3") as served:
        monkeypatch.setattr(Sandbox, "aws_url", property(lambda sandbox: served.environment["AWS_ENDPOINT_URL"]))
        yield served


def code(clouds: ServedClouds, service: str) -> Code:
    """Returns a deployed Lambda function with a new role. `service` is the only service that may assume the role."""
    statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    trust = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    role = clouds.client("iam").create_role(RoleName="drain", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    return Code("drain", "arn", "us-east-1", role, "a.handler", 1, (), "digest", "nowhere")


def test_the_credentials_are_those_of_the_functions_role(clouds: ServedClouds, tmp_path: Path) -> None:
    given = Roles(Sandbox(tmp_path, "127.99")).credentials(code(clouds, "lambda.amazonaws.com"))
    sts: Any = cast(Any, boto3).client(
        "sts",
        region_name="us-east-1",
        endpoint_url=clouds.environment["AWS_ENDPOINT_URL"],
        **{name.lower(): value for name, value in given.items()},
    )
    assert sts.get_caller_identity()["Arn"] == "arn:aws:sts::123456789012:assumed-role/drain/drain"


def test_a_role_that_is_not_for_lambda_is_refused(clouds: ServedClouds, tmp_path: Path) -> None:
    with pytest.raises(FunctionError, match="drain: Lambda may not assume arn:aws:iam::123456789012:role/drain"):
        Roles(Sandbox(tmp_path, "127.99")).credentials(code(clouds, "ec2.amazonaws.com"))


def test_a_deleted_role_is_reported(clouds: ServedClouds, tmp_path: Path) -> None:
    made = code(clouds, "lambda.amazonaws.com")
    clouds.client("iam").delete_role(RoleName="drain")
    with pytest.raises(FunctionError, match="drain: its role cannot be read"):
        Roles(Sandbox(tmp_path, "127.99")).credentials(made)
