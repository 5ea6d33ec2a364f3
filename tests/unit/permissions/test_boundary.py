"""Tests that every role that the deploy role creates has the permissions boundary.

Also tests that these roles need no permission that the boundary excludes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pulumi_aws as aws
import pytest

from bootstrap.permissions import within_boundary
from emulation.providers.aws.clients import client
from tests.support.bootstrap_stack import bootstrap_up, role_statements
from tests.support.service_authorization import acts_within
from tests.support.stacks import ON_GOOGLE, WITH_POPS, first_up

ACCOUNT = "123456789012"
BOUNDARY = f"arn:aws:iam::{ACCOUNT}:policy/artifact-edge-bootstrap-{{}}-boundary"
STACKS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "dev": ("dev", {}),
    "staging": ("staging", {}),
    "prod": ("prod", {}),
    "prod with PoPs": ("prod", WITH_POPS),
    "prod on Google Cloud": ("prod", ON_GOOGLE),
}


@pytest.mark.parametrize(("environment", "changes"), STACKS.values(), ids=STACKS)
def test_every_role_has_the_boundary_and_needs_no_more(environment: str, changes: Mapping[str, Any]) -> None:
    deployment = first_up(environment, changes)
    roles = deployment.of(aws.iam.Role).values()
    assert roles
    assert {role.inputs.get("permissionsBoundary") for role in roles} == {BOUNDARY.format(environment)}
    boundary = within_boundary(ACCOUNT, environment)
    for policy in deployment.of(aws.iam.RolePolicy).values():
        for statement in json.loads(policy.inputs["policy"])["Statement"]:
            if statement["Effect"] == "Allow":
                assert acts_within(statement, boundary), statement


@pytest.mark.usefixtures("aws_cloud")
def test_the_boundary_that_bootstrap_creates_has_no_way_to_more_permissions() -> None:
    bootstrap_up()
    iam = client("iam")
    for environment in ("dev", "prod"):
        policy = iam.get_policy(PolicyArn=BOUNDARY.format(environment))["Policy"]
        version = iam.get_policy_version(PolicyArn=policy["Arn"], VersionId=policy["DefaultVersionId"])
        statements = version["PolicyVersion"]["Document"]["Statement"]
        assert statements == [*within_boundary(ACCOUNT, environment)]
        actions = [action for statement in statements for action in statement["Action"]]
        assert not [action for action in actions if action.startswith(("*", "iam:", "sts:", "lambda:", "ec2:"))]


def test_the_deploy_role_changes_only_roles_with_the_boundary_and_cannot_remove_it() -> None:
    bound = {"StringEquals": {"iam:PermissionsBoundary": BOUNDARY.format("dev")}}
    statements = role_statements("artifact-edge-bootstrap-dev-deploy")
    for action in (
        "iam:CreateRole",
        "iam:PutRolePolicy",
        "iam:PutRolePermissionsBoundary",
        "iam:UpdateAssumeRolePolicy",
    ):
        (statement,) = [each for each in statements if action in each["Action"]]
        assert statement["Condition"] == bound
    for action in (
        "iam:DeleteRolePermissionsBoundary",
        "iam:AttachRolePolicy",
        "iam:CreatePolicyVersion",
        "iam:SetDefaultPolicyVersion",
        "iam:*",
    ):
        assert not [each for each in statements if action in each["Action"]]
