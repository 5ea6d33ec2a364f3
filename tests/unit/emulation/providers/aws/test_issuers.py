"""Tests how the emulated AWS provider creates, changes and deletes identity providers in IAM.

The provider must report no drift for an unchanged identity provider.
"""

from __future__ import annotations

from typing import Any

import pulumi_aws as aws
import pytest

from emulation.providers.aws import handlers
from emulation.providers.aws.clients import client

GITHUB: dict[str, Any] = {
    "url": "https://token.actions.githubusercontent.com",
    "clientIdLists": ["sts.amazonaws.com"],
    "tags": {"owner": "platform"},
}
TRUST = (
    '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"},'
    ' "Action": "sts:AssumeRole"}]}'
)
ARN = "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com"


@pytest.mark.usefixtures("aws_cloud")
def test_an_identity_provider_shows_no_drift_and_can_be_changed_and_deleted() -> None:
    issuers = next(each for each in handlers() if each.resource is aws.iam.OpenIdConnectProvider)
    created = issuers.create(GITHUB)
    assert created.id == ARN
    assert GITHUB.items() <= created.outputs.items()
    assert issuers.read(ARN, created.outputs) == created.outputs
    changed = issuers.update(ARN, created.outputs, GITHUB | {"thumbprintLists": ["0" * 40], "tags": {"project": "x"}})
    found = client("iam").get_open_id_connect_provider(OpenIDConnectProviderArn=ARN)
    assert found["ThumbprintList"] == ["0" * 40]
    assert found["Tags"] == [{"Key": "project", "Value": "x"}]
    assert issuers.read(ARN, changed) == changed
    issuers.delete(ARN, changed)
    assert issuers.read(ARN, changed) is None
    issuers.delete(ARN, changed)


@pytest.mark.usefixtures("aws_cloud")
def test_the_session_duration_of_a_role_can_be_changed() -> None:
    roles = next(each for each in handlers() if each.resource is aws.iam.Role)
    role: dict[str, Any] = {"name": "deploy", "assumeRolePolicy": TRUST}
    created = roles.create(role | {"maxSessionDuration": 7200})
    assert created.outputs["maxSessionDuration"] == 7200
    roles.update(created.id, created.outputs, role | {"maxSessionDuration": 10800})
    assert client("iam").get_role(RoleName="deploy")["Role"]["MaxSessionDuration"] == 10800
