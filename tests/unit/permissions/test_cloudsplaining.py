"""Checks the permissions of roles with Cloudsplaining, an independent tool that finds excessive permissions.
Cloudsplaining must report nothing except the findings that this file explains.

The tests check only the policies of roles. In the policy of a resource, Cloudsplaining would report the resource `*`,
although this means only the resource itself. A statement with a condition is checked as if it had no condition.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from cloudsplaining.output.policy_finding import PolicyFinding
from cloudsplaining.scan.policy_document import PolicyDocument

from infra.iam import Statement, allow
from tests.support.bootstrap_stack import first_bootstrap_up
from tests.support.harness import Deployment
from tests.support.stacks import ENVIRONMENTS, WITH_POPS, first_up

IDENTITY_POLICIES = ("aws:iam/rolePolicy:RolePolicy", "aws:iam/policy:Policy")

# Cloudsplaining reports that the deploy role may call all actions of these services. The tests accept these reports,
# and no others. The role manages all resources of each service, so it needs nearly all of the service's actions. Each
# value says which of the service's resources the role may manage.
_BY_NAME = "only on resources whose name begins with the environment's prefix"
EXPLAINED: Mapping[str, str] = {
    "cloudwatch": _BY_NAME,
    "dynamodb": _BY_NAME,
    "ec2": "only in the role's account; AWS chooses the ids of networks and machines, so no name limits them",
    "events": _BY_NAME,
    "kms": "only on keys with the environment's tag",
    "lambda": "only on functions with the environment's prefix, and on event source mappings, whose ids AWS chooses",
    "logs": _BY_NAME,
    "route53": "only in the role's account; AWS chooses the ids of zones",
    "s3": _BY_NAME,
    "sns": _BY_NAME,
    "sqs": _BY_NAME,
}
DEPLOY_ROLE = "-deploy-change"

# The policies of a PoP's roles differ between environments only by the environment's name, so two stacks have PoPs.
STACKS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    **{environment: (environment, {}) for environment in ENVIRONMENTS},
    **{f"{environment} with PoPs": (environment, WITH_POPS) for environment in ("local", "prod")},
}

PLANTED: Mapping[str, tuple[Statement, str]] = {
    "privilege escalation": (allow(["iam:PutRolePolicy"], "*"), "PrivilegeEscalation"),
    "reading all objects": (allow("s3:GetObject", "*"), "DataExfiltration"),
    "reading all secrets": (allow("secretsmanager:GetSecretValue", "*"), "DataExfiltration"),
    "opening all buckets": (allow("s3:PutBucketPolicy", "*"), "ResourceExposure"),
    "credentials of any role": (allow("sts:AssumeRole", "*"), "CredentialsExposure"),
    "every action of a service": (allow("sqs:*", "arn:aws:sqs:*:123456789012:a"), "ServiceWildcard"),
    "all tables, limited by a condition": (
        allow("dynamodb:DeleteTable", "*", condition={"StringEquals": {"aws:ResourceTag/environment": "dev"}}),
        "InfrastructureModification",
    ),
}


def findings(document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yields the kind and the content of each finding that Cloudsplaining reports about a policy document."""
    results: dict[str, Any] = PolicyFinding(PolicyDocument(dict(document), flag_conditional_statements=True)).results
    for kind, result in results.items():
        # ServicesAffected is not a finding. It lists the AWS services of all findings.
        if kind != "ServicesAffected":
            for each in result["findings"]:
                yield kind, each if isinstance(each, str) else json.dumps(each, sort_keys=True)


def found(deployment: Deployment) -> set[tuple[str, str, str]]:
    """Returns all findings about the roles of a deployment. A finding consists of the name of the policy, the kind of
    the finding, and the text of the finding.
    """
    policies = [resource for resource in deployment.resources if resource.type in IDENTITY_POLICIES]
    assert policies
    return {(each.name, *finding) for each in policies for finding in findings(json.loads(each.inputs["policy"]))}


@pytest.mark.parametrize(("environment", "changes"), STACKS.values(), ids=STACKS)
def test_nothing_is_found_in_the_roles_of_an_environment(environment: str, changes: Mapping[str, Any]) -> None:
    assert found(first_up(environment, changes)) == set()


def test_only_explained_wildcards_are_found_in_the_roles_of_the_pipelines() -> None:
    everything = found(first_bootstrap_up())
    assert {(kind, what) for _, kind, what in everything} == {("ServiceWildcard", service) for service in EXPLAINED}
    assert [name for name, _, _ in everything if not name.endswith(DEPLOY_ROLE)] == []


@pytest.mark.parametrize(("statement", "kind"), PLANTED.values(), ids=PLANTED)
def test_a_planted_mistake_is_found(statement: Statement, kind: str) -> None:
    assert kind in dict(findings({"Version": "2012-10-17", "Statement": [statement]}))
