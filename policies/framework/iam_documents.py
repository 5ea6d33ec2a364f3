"""Checks of IAM policy documents: which principals a statement allows or denies which actions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase

from policies.framework.declare import Properties, part, texts

# Condition keys that restrict a statement for all principals to some of them (S3 User Guide, "The meaning of
# 'public'").
_NARROWING = frozenset(
    key.lower()
    for key in (
        "aws:PrincipalAccount",
        "aws:PrincipalArn",
        "aws:PrincipalOrgID",
        "aws:PrincipalOrgPaths",
        "aws:SourceAccount",
        "aws:SourceArn",
        "aws:SourceOrgID",
        "aws:SourceVpc",
        "aws:SourceVpce",
        "kms:CallerAccount",
        "kms:CallerAccount",
        "s3:DataAccessPointAccount",
    )
)

# Actions by which a principal can gain permissions that it was not given (AWS IAM User Guide, "Permissions boundaries",
# names most of them).
_GIVING = [
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


def is_for_everybody(statement: Properties) -> bool:
    """Returns whether a statement allows something to any principal, without a condition that restricts the
    principals."""
    if not _allows(statement):
        return False
    return "NotPrincipal" in statement or ("*" in _principals(statement, "AWS") and not _is_narrowed(statement))


def is_for_all_of_a_provider(statement: Properties) -> bool:
    """Returns whether a statement allows something to all identities of a federated identity provider, without a
    condition on the subject."""
    keys = [key for operator, key in _conditions(statement) if operator.startswith("StringEquals")]
    federated = _allows(statement) and isinstance(statement.get("Principal"), Mapping)
    return federated and bool(_principals(statement, "Federated")) and not any(key.endswith(":sub") for key in keys)


def allows_everything(statement: Properties) -> bool:
    """Returns whether a statement allows all actions, or all actions of one service, on all resources."""
    any_action = "NotAction" in statement or any(
        action == "*" or action.endswith(":*") for action in texts(statement.get("Action"))
    )
    return any_action and allows_on_everything(statement)


def allows_on_everything(statement: Properties) -> bool:
    """Returns whether a statement allows something on all resources."""
    return _allows(statement) and ("NotResource" in statement or "*" in texts(statement.get("Resource")))


def grants_rights(statement: Properties) -> list[str]:
    """Returns the allowed actions of a statement that can give permissions, to other principals or to the caller."""
    if not _allows(statement):
        return []
    if "NotAction" in statement:
        return ["all but some actions"]
    actions = texts(statement.get("Action"))
    passes_any = allows_on_everything(statement) or any(
        each.endswith(":role/*") for each in texts(statement.get("Resource"))
    )
    giving = [*_GIVING, "iam:passrole"] if passes_any else _GIVING
    return [action for action in actions if any(fnmatchcase(right, action.lower()) for right in giving)]


def refuses_plain_text(statements: Iterable[Properties]) -> bool:
    """Returns whether a bucket's statements deny all principals every request without TLS, with no further
    condition."""
    return any(
        _denies_everybody_everything(statement, "aws:SecureTransport")
        and str(part(part(statement, "Condition"), "Bool").get("aws:SecureTransport")).lower() == "false"
        for statement in statements
    )


def refuses_tls_below_1_2(statements: Iterable[Properties]) -> bool:
    """Returns whether a bucket's statements deny all principals every request with a TLS version below 1.2, with no
    further condition."""
    return any(
        _denies_everybody_everything(statement, "s3:TlsVersion")
        and float(part(part(statement, "Condition"), "NumericLessThan").get("s3:TlsVersion", 0)) >= 1.2
        for statement in statements
    )


def refuses_reading_from_elsewhere(statements: Iterable[Properties], bucket: str) -> bool:
    """Returns whether the statements deny reads of a bucket's objects from any network or address that they do not
    name."""
    keys = {"aws:sourcevpce", "aws:sourcevpc", "aws:sourceip"}
    return any(
        statement.get("Effect") == "Deny"
        and any(fnmatchcase("s3:getobject", action.lower()) for action in texts(statement.get("Action")))
        and any(fnmatchcase(f"arn:aws:s3:::{bucket}/x", resource) for resource in texts(statement.get("Resource")))
        and all("Not" in operator and key.lower() in keys for operator, key in _conditions(statement))
        for statement in statements
    )


def _denies_everybody_everything(statement: Properties, on: str) -> bool:
    """Returns whether a statement denies all principals all actions on a whole bucket, with `on` as its only condition
    key."""
    return (
        statement.get("Effect") == "Deny"
        and "*" in _principals(statement, "AWS")
        and bool({"s3:*", "*"} & set(texts(statement.get("Action"))))
        and _is_about_a_whole_bucket(statement)
        and [key for _, key in _conditions(statement)] == [on]
    )


def _allows(statement: Properties) -> bool:
    return statement.get("Effect") == "Allow"


def _principals(statement: Properties, provider: str) -> list[str]:
    """Returns the principals of a statement for a provider such as AWS. The principal `"*"` alone means {"AWS":
    "*"}."""
    principal = statement.get("Principal")
    return texts(part(statement, "Principal").get(provider) if isinstance(principal, Mapping) else principal)


def _is_about_a_whole_bucket(statement: Properties) -> bool:
    """Returns whether a statement covers a bucket and its objects, which are two resources (S3 User Guide, "Policy
    resources for Amazon S3")."""
    resources = texts(statement.get("Resource"))
    return "*" in resources or any(f"{resource}/*" in resources for resource in resources)


def _conditions(statement: Properties) -> list[tuple[str, str]]:
    """Returns all conditions of a statement as pairs of operator and key."""
    conditions = part(statement, "Condition")
    return [(operator, key) for operator in conditions for key in part(conditions, operator)]


def _is_narrowed(statement: Properties) -> bool:
    return any(
        key.lower() in _NARROWING and "Not" not in operator and not operator.endswith(("IfExists", "Null"))
        for operator, key in _conditions(statement)
    )
