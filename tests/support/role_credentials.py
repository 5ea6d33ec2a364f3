"""Provides tests with the credentials of an IAM role. An emulated AWS API checks the role's permissions."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from functools import cache
from typing import Any, cast

import boto3
import pytest
from moto.server import (
    DomainDispatcherApplication,  # pyright: ignore[reportPrivateImportUsage]
    create_backend_app,  # pyright: ignore[reportPrivateImportUsage]
)

from emulation.aws import permissions
from emulation.aws.requests import S3Addresses
from emulation.aws.required_permissions import RequiredPermission
from emulation.origin_requests import Application
from tests.support.purge_endpoint import serving


@contextmanager
def role_credentials(role: str, needed: set[RequiredPermission]) -> Generator[None]:
    """Makes boto3 use the credentials of a role of the current AWS account.

    boto3 then calls an emulated AWS API, which checks the role's permissions. The set `needed` collects the permissions
    that these calls require.
    """
    evaluate = permissions.is_permitted

    def recorded(session: Any, each: RequiredPermission, *more: Any) -> bool:
        needed.add(RequiredPermission(each.action, each.resource))
        return evaluate(session, each, *more)

    sts = cast(Any, boto3).client("sts", region_name="us-east-1")
    arn = f"arn:aws:iam::123456789012:role/{role}"
    given = sts.assume_role(RoleArn=arn, RoleSessionName="test")["Credentials"]
    with serving(_api()) as url, pytest.MonkeyPatch.context() as environment:
        environment.setenv("AWS_ENDPOINT_URL", url)
        environment.setenv("AWS_ACCESS_KEY_ID", given["AccessKeyId"])
        environment.setenv("AWS_SECRET_ACCESS_KEY", given["SecretAccessKey"])
        environment.setenv("AWS_SESSION_TOKEN", given["SessionToken"])
        # Makes boto3 create a new default session. A session keeps the credentials that it finds first, so an old
        # session would ignore the variables above.
        environment.setattr(boto3, "DEFAULT_SESSION", None)
        environment.setattr(permissions, "is_permitted", recorded)
        yield


@cache
def _api() -> Application:
    """Returns the emulated AWS API. All tests share it, because moto keeps the resources of the current account outside
    of the application.
    """
    return S3Addresses(permissions.Permissions(cast(Any, DomainDispatcherApplication)(create_backend_app)))
