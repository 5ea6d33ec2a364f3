"""Tests the statements of all IAM policy documents. The actions of a statement must support its resources and condition
keys.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any, cast

import pytest

from infra.iam import Statement, allow
from tests.support.bootstrap_stack import first_bootstrap_up, role_statements
from tests.support.harness import Deployment
from tests.support.service_authorization import findings
from tests.support.stacks import ENVIRONMENTS, ON_GOOGLE, WITH_ACCELERATOR, WITH_POPS, first_up

KEY = "arn:aws:kms:us-east-1:123456789012:key/1"
TOPIC = "arn:aws:sns:us-east-1:123456789012:artifact-edge-dev-alarms"

MISTAKES: Mapping[str, tuple[Statement, str]] = {
    "misspelt action": (allow("kms:Decript", KEY), "kms:Decript: AWS has no such action"),
    "unknown service": (allow("kmz:Decrypt", KEY), "kmz:Decrypt: AWS has no such action"),
    "pattern without actions": (allow("s3:Replicate*All", "*"), "s3:Replicate*All: AWS has no such action"),
    "new key by ARN": (allow("kms:CreateKey", KEY), f'kms:CreateKey: needs the resource "*", not {KEY}'),
    "aliases by ARN": (allow("kms:ListAliases", KEY), f'kms:ListAliases: needs the resource "*", not {KEY}'),
    "new zone by ARN": (
        allow("route53:CreateHostedZone", "arn:aws:route53:::*"),
        'route53:CreateHostedZone: needs the resource "*", not arn:aws:route53:::*',
    ),
    "subscription by topic": (
        allow("sns:Unsubscribe", TOPIC),
        f'sns:Unsubscribe: needs the resource "*", not {TOPIC}',
    ),
    "object action on a bucket": (
        allow("s3:GetObject", "arn:aws:s3:::packages"),
        "s3:GetObject: does not act on arn:aws:s3:::packages",
    ),
    "key action on an alias": (
        allow("kms:Decrypt", "arn:aws:kms:us-east-1:123456789012:alias/packages"),
        "kms:Decrypt: does not act on arn:aws:kms:us-east-1:123456789012:alias/packages",
    ),
    "resource without an action": (
        allow(["s3:GetObject", "s3:PutObject"], ["arn:aws:s3:::packages", "arn:aws:s3:::packages/*"]),
        "arn:aws:s3:::packages: no action of the statement acts on this resource",
    ),
    "condition of another action": (
        allow("s3:GetObject", "*", condition={"StringLike": {"s3:prefix": "npm/*"}}),
        "s3:GetObject: does not support the condition key s3:prefix (StringLike)",
    ),
    "request tag where none is sent": (
        allow("kms:Decrypt", KEY, condition={"StringEquals": {"aws:RequestTag/environment": "dev"}}),
        "kms:Decrypt: does not support the condition key aws:RequestTag/environment (StringEquals)",
    ),
    "condition of another service": (
        allow("sqs:SendMessage", "*", condition={"StringEquals": {"kms:ViaService": "s3.us-east-1.amazonaws.com"}}),
        "sqs:SendMessage: does not support the condition key kms:ViaService (StringEquals)",
    ),
}


@pytest.mark.parametrize(("statement", "finding"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_found(statement: Statement, finding: str) -> None:
    assert list(findings({"Statement": [statement]})) == [finding]


STACKS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    **{environment: (environment, {}) for environment in ENVIRONMENTS},
    # The policies of a PoP's roles differ between environments only by the environment's name, so two stacks have PoPs.
    **{f"{environment} with PoPs": (environment, WITH_POPS) for environment in ("local", "prod")},
    "local with an accelerator": ("local", WITH_ACCELERATOR),
    "prod on Google Cloud": ("prod", ON_GOOGLE),
}


@pytest.mark.parametrize(("environment", "changes"), STACKS.values(), ids=STACKS)
def test_the_documents_of_an_environment_have_no_mistake(environment: str, changes: Mapping[str, Any]) -> None:
    found = list(_documents(first_up(environment, changes)))
    assert len(found) > 1
    assert {name: mistakes for name, document in found if (mistakes := list(findings(document)))} == {}


def test_the_documents_of_bootstrap_have_no_mistake() -> None:
    found = list(_documents(first_bootstrap_up()))
    assert len(found) > len(("state", "read", "change")) * 2
    assert {name: mistakes for name, document in found if (mistakes := list(findings(document)))} == {}


def _documents(deployment: Deployment) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yields every IAM policy document in the inputs of AWS resources. Each document comes with the resource's type and
    name.
    """
    for resource in deployment.resources:
        if resource.type.startswith("aws:"):
            for document in _within(resource.inputs):
                yield f"{resource.type} {resource.name}", document


def _within(value: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(value, str) and '"Statement"' in value:
        yield json.loads(value)
    elif isinstance(value, Mapping):
        for each in cast(Mapping[str, Any], value).values():
            yield from _within(each)
    elif isinstance(value, list):
        for each in cast(list[Any], value):
            yield from _within(each)


# AWS actions that a first deployment needs, and that do not support resource types (Service Authorization Reference).
# IAM evaluates such an action only for the resource "*".
NEEDS_ANY_RESOURCE = (
    "kms:CreateKey",
    "kms:ListAliases",
    "route53:CreateHostedZone",
    "route53:CreateHealthCheck",
    "route53:ListHostedZones",
    "globalaccelerator:CreateAccelerator",
    "globalaccelerator:ListAccelerators",
    "lambda:CreateEventSourceMapping",
    "sns:GetSubscriptionAttributes",
    "sns:Unsubscribe",
    "application-autoscaling:DescribeScalableTargets",
    "application-autoscaling:DescribeScalingPolicies",
)

# The AWS services whose service-linked roles a deployment needs. AWS creates such a role when an account gets its first
# resource of one of these kinds:
# - multi-Region keys (KMS, "Authorizing AWS KMS to synchronize multi-Region keys")
# - global tables (DynamoDB, "DynamoDB global tables security")
# - scaling policies of tables (Application Auto Scaling, "Service-linked roles")
# - accelerators (Global Accelerator, "Service-linked role for Global Accelerator")
LINKED = ("mrk.kms", "replication.dynamodb", "dynamodb.application-autoscaling", "globalaccelerator")


@pytest.mark.parametrize("action", NEEDS_ANY_RESOURCE)
def test_the_deploy_role_may_do_what_has_no_resource_type(action: str) -> None:
    assert any(
        fnmatchcase(action, pattern) and "*" in statement["Resource"]
        for statement in role_statements("artifact-edge-bootstrap-dev-deploy")
        for pattern in statement["Action"]
    )


def test_the_deploy_role_may_create_the_service_linked_roles_of_four_services_and_no_other() -> None:
    (statement,) = [
        each
        for each in role_statements("artifact-edge-bootstrap-dev-deploy")
        if "iam:CreateServiceLinkedRole" in each["Action"]
    ]
    services = [f"{name}.amazonaws.com" for name in LINKED]
    assert statement["Condition"] == {"StringEquals": {"iam:AWSServiceName": services}}
    assert statement["Resource"] == [f"arn:aws:iam::123456789012:role/aws-service-role/{name}/*" for name in services]
