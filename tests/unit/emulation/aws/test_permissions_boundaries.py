"""Tests permissions boundaries in the emulated IAM. It must refuse a boundary that does not exist. A boundary must
limit a role's permissions.
"""

from __future__ import annotations

import json
from typing import Any

import pulumi_aws as aws
import pytest
from botocore.exceptions import ClientError
from moto.iam.models import IAMBackend

from emulation.aws.policies import AuthorizationRequest, Policy, is_allowed
from emulation.providers.aws.clients import client
from tests.support.aws_handlers import create, gone, handler

ROLE = "arn:aws:iam::123456789012:role/reader"
TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}],
    }
)


def policy(action: str, **more: Any) -> Policy:
    statement = {"Effect": "Allow", "Action": action, "Resource": "*", **more}
    return {"Version": "2012-10-17", "Statement": [statement]}


GET, PUT = policy("s3:GetObject"), policy("s3:PutObject")
GET_BY_BUCKET = policy("s3:GetObject", Principal={"AWS": [ROLE]})


@pytest.mark.parametrize(
    ("of_role", "of_bucket", "boundary", "may"),
    [
        ([GET], None, None, True),
        ([GET], None, policy("s3:Get*"), True),
        ([GET], None, PUT, False),
        ([], GET_BY_BUCKET, None, True),
        ([], GET_BY_BUCKET, PUT, False),
        ([], None, GET, False),
    ],
)
def test_a_boundary_limits_a_role_and_grants_nothing(
    of_role: list[Policy], of_bucket: Policy | None, boundary: Policy | None, may: bool
) -> None:
    session = "arn:aws:sts::123456789012:assumed-role/reader/session"
    request = AuthorizationRequest(ROLE, session, "arn:aws:s3:::b/k", "s3:GetObject", {})
    assert is_allowed(request, of_role, of_bucket, None, boundary) is may


@pytest.mark.usefixtures("aws_cloud")
def test_a_role_gets_changes_and_loses_its_boundary() -> None:
    first, second = (
        create(aws.iam.Policy, name=name, policy=json.dumps(GET), region=None).outputs["arn"] for name in ("one", "two")
    )
    role = create(aws.iam.Role, name="reader", assumeRolePolicy=TRUST, permissionsBoundary=first, region=None)
    handled = handler(aws.iam.Role)
    for boundary in (second, None):
        inputs = {"name": "reader", "assumeRolePolicy": TRUST, "permissionsBoundary": boundary}
        outputs = handled.update(role.id, role.outputs, inputs)
        assert outputs["permissionsBoundary"] == boundary
        found = client("iam").get_role(RoleName="reader")["Role"].get("PermissionsBoundary", {})
        assert found.get("PermissionsBoundaryArn") == boundary


@pytest.mark.usefixtures("aws_cloud")
def test_a_role_gets_a_boundary_with_no_other_call(monkeypatch: pytest.MonkeyPatch) -> None:
    """Gives a role a permissions boundary, and changes only white space in the role's trust policy. The update must set
    the boundary and call no other API method. AWS would refuse a call that changes the trust policy, because a deploy
    role may not change the trust policy of a role without a boundary.
    """
    boundary = create(aws.iam.Policy, name="one", policy=json.dumps(GET), region=None).outputs["arn"]
    role = create(aws.iam.Role, name="reader", assumeRolePolicy=TRUST, region=None)

    def refuse(*_: Any, **__: Any) -> None:
        raise PermissionError

    for method in ("update_assume_role_policy", "update_role"):
        monkeypatch.setattr(IAMBackend, method, refuse)
    inputs = {"name": "reader", "assumeRolePolicy": json.dumps(json.loads(TRUST), indent=1)}
    outputs = handler(aws.iam.Role).update(role.id, role.outputs, {**inputs, "permissionsBoundary": boundary})
    assert outputs["permissionsBoundary"] == boundary
    for change in ({"assumeRolePolicy": TRUST.replace("ec2", "lambda")}, {"description": "reads"}):
        with pytest.raises(PermissionError):
            handler(aws.iam.Role).update(role.id, outputs, {**inputs, "permissionsBoundary": boundary, **change})


@pytest.mark.usefixtures("aws_cloud")
def test_a_boundary_that_does_not_exist_is_refused() -> None:
    missing = "arn:aws:iam::123456789012:policy/missing"
    with pytest.raises(ClientError, match=r"NoSuchEntity.*policy/missing does not exist"):
        client("iam").create_role(RoleName="reader", AssumeRolePolicyDocument=TRUST, PermissionsBoundary=missing)
    client("iam").create_role(RoleName="reader", AssumeRolePolicyDocument=TRUST)
    with pytest.raises(ClientError, match="NoSuchEntity"):
        client("iam").put_role_permissions_boundary(RoleName="reader", PermissionsBoundary=missing)


@pytest.mark.usefixtures("aws_cloud")
def test_a_policy_changes_in_place_and_goes() -> None:
    made = create(aws.iam.Policy, name="one", policy=json.dumps(GET), region=None)
    handled, state = handler(aws.iam.Policy), made.outputs
    for action in ("s3:PutObject", "s3:ListBucket", "s3:DeleteObject", "s3:GetObject", "s3:PutObject", "s3:Get*"):
        state = handled.update(made.id, state, {"name": "one", "policy": json.dumps(policy(action))})
        assert json.loads(state["policy"]) == policy(action)
    assert gone(aws.iam.Policy, made)
