"""Policies for the permissions of IAM roles. Each role may perform only the actions that its work needs, and only on
resources of its own environment.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from pulumi_policy import Policy, ResourceValidationArgs, Severity

from policies.framework.controls import well_architected
from policies.framework.declare import Properties, each_resource, setting, texts
from policies.framework.documents import IDENTITY_POLICIES, identity_statements
from policies.framework.iam_documents import allows
from policies.framework.relations import stack_name
from policies.rules.access import permission_holder

_STRINGS: dict[str, Any] = {"type": "array", "items": {"type": "string"}}
_LOGS = ["logs:CreateLogStream", "logs:PutLogEvents"]
_FOLLOW = [
    "dynamodb:DescribeStream",
    "dynamodb:GetRecords",
    "dynamodb:GetShardIterator",
    "dynamodb:ListStreams",
    "secretsmanager:GetSecretValue",
    "sqs:SendMessage",
    *_LOGS,
]
_ANSWER = ["dynamodb:GetItem", "dynamodb:Query", "secretsmanager:GetSecretValue", *_LOGS]
# Maps the last part of a role's name to the IAM actions that such a role may perform.
_ACTIONS: Mapping[str, Sequence[str]] = {
    "shield": [
        "acm:ExportCertificate",
        "s3:GetObject",
        "s3:ListBucket",
        "secretsmanager:GetSecretValue",
        "ssm:GetParameter",
        "ssm:PutParameter",
    ],
    "pop": [
        "acm:ExportCertificate",
        "cloudwatch:PutMetricData",
        "dynamodb:GetItem",
        "dynamodb:Query",
        "secretsmanager:GetSecretValue",
        "ssm:GetParameter",
        "ssm:PutParameter",
    ],
    "metadata-api": _ANSWER,
    "answer": _ANSWER,
    "entitlements": _FOLLOW,
    "follow": _FOLLOW,
    "drain": [
        "cloudwatch:PutMetricData",
        "dynamodb:DeleteItem",
        "dynamodb:GetItem",
        "dynamodb:PutItem",
        "dynamodb:Query",
        "dynamodb:UpdateItem",
        "kms:Decrypt",
        "kms:GenerateDataKey",
        "s3:DeleteObject",
        "s3:GetObject",
        "s3:ListBucket",
        "s3:PutObject",
        "secretsmanager:GetSecretValue",
        *_LOGS,
    ],
    "replication": [
        "kms:Decrypt",
        "kms:Encrypt",
        "s3:GetObjectLegalHold",
        "s3:GetObjectRetention",
        "s3:GetObjectVersionAcl",
        "s3:GetObjectVersionForReplication",
        "s3:GetObjectVersionTagging",
        "s3:GetReplicationConfiguration",
        "s3:ListBucket",
        "s3:ReplicateDelete",
        "s3:ReplicateObject",
        "s3:ReplicateTags",
    ],
    "standby": ["kms:Decrypt", "s3:GetBucketLocation", "s3:GetObject", "s3:ListBucket"],
}
# The AWS services whose ARNs contain the name of the resource. The name begins with the environment's prefix, so the
# ARN shows to which environment the resource belongs. The ARNs of other resources (keys, certificates, streams) contain
# only an ID, which does not reveal the environment.
_NAMED_SERVICES = ("dynamodb", "lambda", "logs", "s3", "sns", "sqs")


@each_resource(
    "aws-iam-actions-of-role",
    "Each role may do only what its work needs. No role changes or removes tables, keys, functions, alarms or logs.",
    of=IDENTITY_POLICIES,
    severity=Severity.CRITICAL,
    control=well_architected("SEC03-BP02"),
    fix="Leave the action out. An action that a role's work needs belongs in the policy's setting `actions`",
    config={"actions": {"type": "object", "default": _ACTIONS}},
)
def actions_of_role(args: ResourceValidationArgs) -> Iterator[str]:
    holder = permission_holder(args)
    allowed: Mapping[str, Sequence[str]] = setting(args, "actions", _ACTIONS)
    own = {action.lower() for role in allowed if holder.endswith(f"-{role}") for action in allowed[role]}
    for statement in identity_statements(args):
        if allows(statement):
            for action in texts(statement.get("Action")) or ["all but some actions"]:
                if action.lower() not in own:
                    yield f"{holder} may {action}"


@each_resource(
    "aws-iam-resources-of-environment",
    "Permissions are on resources of the same environment and account only.",
    of=IDENTITY_POLICIES,
    severity=Severity.HIGH,
    control=well_architected("SEC03-BP07"),
    fix="Name a resource of the environment, without a wildcard before the environment's name. A resource of another "
    "environment belongs in the policy's setting `resources`",
    config={"accounts": {**_STRINGS, "default": []}, "resources": {**_STRINGS, "default": []}},
)
def resources_of_environment(args: ResourceValidationArgs) -> Iterator[str]:
    accounts, shared = setting(args, "accounts", []), setting(args, "resources", [])
    for statement in identity_statements(args):
        for arn in _resources(statement):
            if any(fnmatchcase(arn, pattern) for pattern in shared):
                continue
            if not _is_of_environment(arn, stack_name(args.urn)):
                yield f"{arn} is not only in the environment {stack_name(args.urn)}"
            elif accounts and _account(arn) not in {*accounts, ""}:
                yield f"{arn} is in another account"


def _resources(statement: Properties) -> list[str]:
    """Returns the ARNs of the resources to which an IAM statement allows access. Leaves out `*` and `NotResource`,
    which another policy of the pack checks.
    """
    return [arn for arn in texts(statement.get("Resource")) if allows(statement) and arn.startswith("arn:")]


def _account(arn: str) -> str:
    fields = arn.split(":", 5)
    return fields[4] if len(fields) == 6 else ""


def _is_of_environment(arn: str, environment: str) -> bool:
    """Returns whether an ARN pattern matches only resources whose names contain the environment's name. Returns true
    for services whose ARNs contain no resource names.
    """
    fields = arn.split(":", 5)
    if len(fields) < 6 or fields[2] not in _NAMED_SERVICES:
        return True
    before_wildcard = re.split(r"[*?]", fields[5])[0]
    name, complete = before_wildcard, before_wildcard == fields[5]
    return re.search(rf"(^|[-/:]){re.escape(environment)}([-/:]{'|$' if complete else ''})", name) is not None


POLICIES: list[Policy] = [actions_of_role, resources_of_environment]
