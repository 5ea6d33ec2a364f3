"""Reads actions, resources and conditions in IAM policy documents. policies/framework/principals.py reads the
principals.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase

from policies.framework.declare import Properties, part, texts

# Matches the last part of an S3 ARN if this part stands for all buckets or all objects, such as `*` or `*/*`. Unlike
# other ARNs, an S3 ARN has no resource type before the name.
_ANY_BUCKET = re.compile(r"[*?/]+")
# Matches the last part of an ARN if this part is a pattern for all resources, or for all resources of a type. Examples
# are `*`, `table/*` and `secret:*`.
_ANY_OF_A_TYPE = re.compile(r"([\w-]+[:/])?[*?/:]+")

# Actions with which a principal can give itself further permissions. "Permissions boundaries" in the AWS IAM User Guide
# lists most of these actions.
_ESCALATING = [
    "iam:addusertogroup",
    "iam:attachgrouppolicy",
    "iam:attachrolepolicy",
    "iam:attachuserpolicy",
    "iam:createaccesskey",
    "iam:createloginprofile",
    "iam:createpolicyversion",
    "iam:putgrouppolicy",
    "iam:putrolepolicy",
    "iam:putuserpolicy",
    "iam:setdefaultpolicyversion",
    "iam:updateassumerolepolicy",
    "iam:updateloginprofile",
]


def allows_everything(statement: Properties) -> bool:
    """Returns whether an IAM statement allows all actions, or all actions of one service, on all resources."""
    any_action = "NotAction" in statement or any(is_every_action(action) for action in texts(statement.get("Action")))
    return any_action and allows_on_everything(statement)


def allows_on_everything(statement: Properties) -> bool:
    """Returns whether an IAM statement allows an action on all resources of a service or a resource type."""
    return allows(statement) and (
        "NotResource" in statement or any(_matches_every_resource(each) for each in texts(statement.get("Resource")))
    )


def is_every_action(action: str) -> bool:
    """Returns whether an IAM action has wildcards that match all actions of a service, or several services."""
    service, _, name = action.partition(":")
    return "*" in service or "?" in service or not name.strip("*?")


def covers(action: str, permissions: Iterable[str]) -> bool:
    """Returns whether an IAM action, which may have wildcards, matches one of the given permissions. The permissions
    are in lower case.
    """
    return any(fnmatchcase(permission, action.lower()) for permission in permissions)


def escalating_actions(statement: Properties) -> list[str]:
    """Returns the actions of an IAM statement that let the caller give permissions to other principals or to itself."""
    if not allows(statement):
        return []
    if "NotAction" in statement:
        return ["all but some actions"]
    actions = texts(statement.get("Action"))
    passes_any = allows_on_everything(statement) or any(
        each.endswith(":role/*") for each in texts(statement.get("Resource"))
    )
    escalating = [*_ESCALATING, "iam:passrole"] if passes_any else _ESCALATING
    return [action for action in actions if covers(action, escalating)]


def denies_plain_text(statements: Iterable[Properties]) -> bool:
    """Returns whether the statements of a bucket policy deny all requests without TLS. A statement with a further
    condition does not count.
    """
    return any(
        _denies_all_on_bucket(statement, "aws:SecureTransport")
        and str(part(part(statement, "Condition"), "Bool").get("aws:SecureTransport")).lower() == "false"
        for statement in statements
    )


def denies_tls_below_1_2(statements: Iterable[Properties]) -> bool:
    """Returns whether the statements of a bucket policy deny all requests with TLS below 1.2. A statement with a
    further condition does not count.
    """
    return any(
        _denies_all_on_bucket(statement, "s3:TlsVersion")
        and float(part(part(statement, "Condition"), "NumericLessThan").get("s3:TlsVersion", 0)) >= 1.2
        for statement in statements
    )


def denies_reads_from_other_networks(statements: Iterable[Properties], bucket: str) -> bool:
    """Returns whether an IAM statement denies reads of a bucket's objects from all networks and addresses except a few.
    The conditions of the statement name these exceptions.
    """
    keys = {"aws:sourcevpce", "aws:sourcevpc", "aws:sourceip"}
    return any(
        statement.get("Effect") == "Deny"
        and any(fnmatchcase("s3:getobject", action.lower()) for action in texts(statement.get("Action")))
        and any(fnmatchcase(f"arn:aws:s3:::{bucket}/x", resource) for resource in texts(statement.get("Resource")))
        and all("Not" in operator and key in keys for operator, key, _ in conditions_of(statement))
        for statement in statements
    )


def _denies_all_on_bucket(statement: Properties, on: str) -> bool:
    """Returns whether an IAM statement denies all actions on a whole bucket to all principals. The statement must have
    exactly one condition key, `on`.
    """
    return (
        statement.get("Effect") == "Deny"
        and _is_for_all_principals(statement)
        and bool({"s3:*", "*"} & set(texts(statement.get("Action"))))
        and _covers_whole_bucket(statement)
        and [key for _, key, _ in conditions_of(statement)] == [on.lower()]
    )


def allows(statement: Properties) -> bool:
    return statement.get("Effect") == "Allow"


def conditions_of(statement: Properties) -> list[tuple[str, str, list[str]]]:
    """Returns all conditions of an IAM statement, each as an operator, a key in lower case, and values."""
    conditions = part(statement, "Condition")
    return [
        (operator, key.lower(), texts(part(conditions, operator)[key]))
        for operator in conditions
        for key in part(conditions, operator)
    ]


def _is_for_all_principals(statement: Properties) -> bool:
    principal = statement.get("Principal")
    return "*" in texts(part(statement, "Principal").get("AWS") if isinstance(principal, Mapping) else principal)


def _covers_whole_bucket(statement: Properties) -> bool:
    """Returns whether an IAM statement applies both to a bucket and to the objects in it. The bucket and its objects
    are separate resources in IAM (S3 User Guide, "Policy resources for Amazon S3").
    """
    resources = texts(statement.get("Resource"))
    return "*" in resources or any(f"{resource}/*" in resources for resource in resources)


def _matches_every_resource(resource: str) -> bool:
    """Returns whether the resource of an IAM statement stands for all resources of a service or of one type. Examples
    are `arn:aws:s3:::*` and `arn:aws:dynamodb:*:*:table/*`.
    """
    fields = resource.split(":", 5)
    if len(fields) < 6 or fields[0] != "arn":
        return "*" in resource or "?" in resource
    service, name = fields[2], fields[5]
    if not service.strip("*?"):
        return True
    return (_ANY_BUCKET if service == "s3" else _ANY_OF_A_TYPE).fullmatch(name) is not None
