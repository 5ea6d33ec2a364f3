"""Test cases for the policies on the permissions of roles, and on who can assume a role. Also test cases for the
policies on members in IAM bindings of Google Cloud.
"""

from __future__ import annotations

from typing import Any

from pulumi_policy import PolicyResource

from tests.policies.cases.parts import ROLE, Case, allow, document
from tests.policies.resources import resource

ROLE_POLICY = "aws:iam/rolePolicy:RolePolicy"
MEMBER = "gcp:storage/bucketIAMMember:BucketIAMMember"
INVOKER = "gcp:cloudrunv2/serviceIamMember:ServiceIamMember"
ACTIONS, RESOURCES = "aws-iam-actions-of-role", "aws-iam-resources-of-environment"
PROVIDERS, BOUNDARY = "aws-iam-role-trust-providers-known", "aws-iam-role-boundary-own"
NETWORKS = "aws-iam-networks-of-stack"
ROLES = "gcp-iam-roles-of-member"
TABLE = "arn:aws:dynamodb:us-east-1:123456789012:table/edge-unit-metadata"
OWN_BOUNDARY = "arn:aws:iam::123456789012:policy/boundary"


def having(role: str, action: Any, target: Any) -> PolicyResource:
    return resource(ROLE_POLICY, {"role": role, "policy": document(allow(action=action, target=target))})


def trusting(principal: Any) -> PolicyResource:
    return resource(ROLE, {"assumeRolePolicy": document(allow(principal, "sts:AssumeRole"))})


def bounded(boundary: str | None, name: str) -> PolicyResource:
    return resource(ROLE, {"permissionsBoundary": boundary} if boundary else {}, name)


def from_endpoint(endpoint: str) -> PolicyResource:
    condition = {"StringEquals": {"aws:SourceVpce": endpoint}}
    statement = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Condition": condition}
    return resource("aws:s3/bucketPolicy:BucketPolicy", {"policy": document(statement)}, "policy")


def granted(member: str, role: str, token: str = MEMBER) -> PolicyResource:
    return resource(token, {"member": member, "role": role})


CASES = [
    *[
        Case(ACTIONS, [having(role, action, TABLE)], says)
        for role, action, says in (
            ("edge-unit-metadata-api", "dynamodb:DeleteTable", "edge-unit-metadata-api may dynamodb:DeleteTable"),
            ("edge-unit-metadata-api", "dynamodb:Get*", "may dynamodb:Get*"),
            ("edge-unit-other", "dynamodb:GetItem", "edge-unit-other may dynamodb:GetItem"),
        )
    ],
    Case(
        ACTIONS,
        [
            resource(
                ROLE_POLICY, {"role": "edge-unit-shield", "policy": document({"Effect": "Allow", "NotAction": "x"})}
            )
        ],
        "may all but some actions",
    ),
    Case(ACTIONS, [having("edge-unit-metadata-api", ["dynamodb:GetItem", "dynamodb:query"], TABLE)]),
    Case(ACTIONS, [having("r-new", "sqs:SendMessage", TABLE)], config={"actions": {"new": ["sqs:SendMessage"]}}),
    *[
        Case(RESOURCES, [having("r", "x:Y", target)], says, config={"accounts": ["123456789012"]})
        for target, says in (
            ("arn:aws:s3:::edge-staging-objects/*", "is not only in the environment unit"),
            ("arn:aws:s3:::edge-*/*", "is not only in the environment unit"),
            ("arn:aws:s3:::edge-unit*", "is not only in the environment unit"),
            (TABLE.replace("unit", "unity"), "is not only in the environment unit"),
            ("arn:aws:kms:us-east-1:210987654321:key/x", "is in another account"),
        )
    ],
    Case(RESOURCES, [having("r", "x:Y", ["*", TABLE, f"{TABLE}/stream/*", "arn:aws:s3:::edge-unit-objects/npm/*"])]),
    Case(
        RESOURCES,
        [having("r", "x:Y", "arn:aws:s3:::edge-shared/x")],
        config={"resources": ["arn:aws:s3:::edge-shared/*"]},
    ),
    *[
        Case(PROVIDERS, [trusting(principal)], says)
        for principal, says in (
            ({"Service": "codebuild.amazonaws.com"}, "lets in codebuild.amazonaws.com"),
            ({"Federated": "www.amazon.com"}, "lets in www.amazon.com"),
            (
                {"Federated": "arn:aws:iam::1:oidc-provider/example.com"},
                "lets in arn:aws:iam::1:oidc-provider/example.com",
            ),
            ({"AWS": "arn:aws:iam::123456789012:root"}, "lets in every principal of arn:aws:iam::123456789012:root"),
            ({"AWS": "123456789012"}, "lets in every principal of 123456789012"),
        )
    ],
    Case(
        PROVIDERS,
        [
            trusting({"Service": ["ec2.amazonaws.com", "lambda.amazonaws.com"]}),
            trusting({"Federated": "accounts.google.com"}),
            trusting({"AWS": "arn:aws:iam::123456789012:role/x"}),
        ],
    ),
    Case(PROVIDERS, [trusting({"Service": "ecs.amazonaws.com"})], config={"services": ["ecs.amazonaws.com"]}),
    Case(
        BOUNDARY,
        [bounded("arn:aws:iam::aws:policy/AdministratorAccess", "a")],
        "its boundary arn:aws:iam::aws:policy/AdministratorAccess belongs to AWS",
    ),
    Case(BOUNDARY, [bounded(OWN_BOUNDARY, "a"), bounded(None, "b")], "b: it has no permissions boundary"),
    Case(BOUNDARY, [bounded(OWN_BOUNDARY, "a"), bounded(OWN_BOUNDARY, "b")]),
    Case(BOUNDARY, [bounded(None, "a"), bounded(None, "b")]),
    Case(NETWORKS, [from_endpoint("vpce-2")], "it lets in everybody from vpce-2"),
    Case(NETWORKS, [from_endpoint("vpce-1"), resource("aws:ec2/vpcEndpoint:VpcEndpoint", {"id": "vpce-1"})]),
    Case(NETWORKS, [from_endpoint("vpce-2")], config={"networks": ["vpce-2"]}),
    *[
        Case(ROLES, [granted(member, role, token)], says)
        for member, role, token, says in (
            ("allUsers", "roles/run.admin", INVOKER, "allUsers has roles/run.admin"),
            ("serviceAccount:x-answer@p.iam", "roles/storage.objectViewer", MEMBER, "its own are roles/run.invoker"),
            ("serviceAccount:x@p.iam", "roles/storage.objectViewer", MEMBER, "its own are none"),
        )
    ],
    Case(ROLES, [granted("serviceAccount:x-shield@p.iam", "roles/storage.objectViewer")]),
    Case(ROLES, [granted("user:a@b.example", "roles/x")], config={"roles": {"user:*": ["roles/x"]}}),
]
