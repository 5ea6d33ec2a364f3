"""Restarts the AWS provider of a sandbox (a set of emulated clouds) with the credentials of an IAM role. The emulated
AWS then checks the role's permissions for each request of the provider.
"""

from __future__ import annotations

from typing import Any, cast

import boto3
import pytest

from emulation import processes, services
from emulation.engine.environment import cloud_environment, provider_ports
from emulation.layout import AWS_ACCOUNT_ID, IMPORT_ROOT
from previews.temporary_sandbox import TemporarySandbox


def aws_of(sandbox: TemporarySandbox, environment: pytest.MonkeyPatch) -> None:
    """Makes boto3 call the sandbox's emulated AWS API with the operator's credentials."""
    for name, value in cloud_environment(sandbox.clouds, {}).items():
        if name.startswith("AWS_"):
            environment.setenv(name, value)
    # Removes boto3's default session. boto3 then creates a session with the new environment variables.
    environment.setattr(boto3, "DEFAULT_SESSION", None)


def restart_provider(sandbox: TemporarySandbox, role: str) -> None:
    """Restarts the AWS provider of the sandbox's emulated clouds with the credentials of an IAM role."""
    sts = cast(Any, boto3).client("sts", region_name="us-east-1")
    arn = f"arn:aws:iam::{AWS_ACCOUNT_ID}:role/{role}"
    given = sts.assume_role(RoleArn=arn, RoleSessionName="test")["Credentials"]
    credentials = {
        "AWS_ACCESS_KEY_ID": given["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": given["SecretAccessKey"],
        "AWS_SESSION_TOKEN": given["SessionToken"],
    }
    processes.stop(sandbox.clouds, "providers")
    processes.start(
        sandbox.clouds,
        "providers",
        services.command(sandbox.clouds, "providers"),
        env={**cloud_environment(sandbox.clouds, {}), **credentials},
        cwd=IMPORT_ROOT,
        ready=lambda: bool(provider_ports(sandbox.clouds)),
    )
