"""Deploys the bootstrap stack in tests, and reads the permissions of its roles from AWS."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from typing import Any

import httpx

from bootstrap.__main__ import compose, settings
from emulation.providers import gcp
from emulation.providers.aws import functions, handlers
from emulation.providers.aws.clients import client
from infra.iam import Statement, allow, document
from tests.support.harness import Deployment, aws_account, deploy

BUCKET = "artifact-edge-state-test"
CONFIG = {
    "aws:region": "us-east-1",
    "artifact-edge-bootstrap:bucket": BUCKET,
    "artifact-edge-bootstrap:repository": "acme/artifact-edge",
    "artifact-edge-bootstrap:owner_id": "123456",
    "artifact-edge-bootstrap:repository_id": "456789",
    "artifact-edge-bootstrap:environments": json.dumps(["dev", "prod"]),
}


def bootstrap_up(google: httpx.Client | None = None, **changes: str) -> Deployment:
    """Deploys the bootstrap stack for the first time, in the current emulated AWS account. If `google` is given, also
    deploys to the emulated Google Cloud that this client reaches. `changes` overrides values of the stack's config.
    """
    config = CONFIG | {f"artifact-edge-bootstrap:{key}": value for key, value in changes.items()}
    known = [*handlers()]
    if google is not None:
        known += gcp.handlers(lambda: google)
    return deploy(lambda: compose(settings()), known, functions(), stack="bootstrap", config=config)


def bootstrapping_role(statements: Sequence[Statement]) -> str:
    """Gives the IAM role `platform-engineer` of the current AWS account exactly the permissions in `statements`.
    Creates the role if it does not exist. Returns the role's name.
    """
    iam, role = client("iam"), "platform-engineer"
    trust = allow("sts:AssumeRole", principal={"AWS": "arn:aws:iam::123456789012:root"})
    if role not in [each["RoleName"] for each in iam.list_roles()["Roles"]]:
        iam.create_role(RoleName=role, AssumeRolePolicyDocument=document(trust))
    iam.put_role_policy(RoleName=role, PolicyName="bootstrap", PolicyDocument=document(statements))
    return role


def first_bootstrap_up() -> Deployment:
    """Returns the result of a first deployment of the bootstrap stack. Tests share the result, so no test may change
    it.
    """
    return _once()[0]


def role_statements(role: str) -> Sequence[Any]:
    """Returns the statements of all policies that IAM has for a role after the first deployment of the bootstrap stack.
    Tests share the statements, so no test may change them.
    """
    return _once()[1][role]


@cache
def _once() -> tuple[Deployment, dict[str, list[Any]]]:
    """Deploys the bootstrap stack in an AWS account of its own. Returns the deployment, and the statements of the
    policies of each role.
    """
    with aws_account():
        deployment, iam = bootstrap_up(), client("iam")
        names = [
            (role["RoleName"], name)
            for role in iam.list_roles()["Roles"]
            for name in iam.list_role_policies(RoleName=role["RoleName"])["PolicyNames"]
        ]
        statements: dict[str, list[Any]] = {role: [] for role, _ in names}
        for role, name in names:
            statements[role] += iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]["Statement"]
        return deployment, statements
