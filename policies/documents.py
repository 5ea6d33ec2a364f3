"""What IAM policy documents let whom do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from policies.rules import Properties, part, texts

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
        "s3:DataAccessPointAccount",
    )
)
"""Condition keys that make a statement for everybody one for somebody (S3 User Guide, "The meaning of 'public'")."""


def is_for_everybody(statement: Properties) -> bool:
    """Whether a statement allows something to whoever asks."""
    if not _allows(statement):
        return False
    return "NotPrincipal" in statement or ("*" in _principals(statement, "AWS") and not _is_narrowed(statement))


def is_for_all_of_a_provider(statement: Properties) -> bool:
    """Whether a statement allows something to whomever another identity provider knows."""
    keys = [key for operator, key in _conditions(statement) if operator.startswith("StringEquals")]
    federated = _allows(statement) and isinstance(statement.get("Principal"), Mapping)
    return federated and bool(_principals(statement, "Federated")) and not any(key.endswith(":sub") for key in keys)


def allows_everything(statement: Properties) -> bool:
    """Whether a statement allows all actions of a service, or of all, on all resources."""
    actions, resources = texts(statement.get("Action")), texts(statement.get("Resource"))
    any_action = "NotAction" in statement or any(action == "*" or action.endswith(":*") for action in actions)
    any_resource = "NotResource" in statement or "*" in resources
    return _allows(statement) and any_action and any_resource


def refuses_plain_text(statements: Iterable[Properties]) -> bool:
    """Whether everybody is denied everything that does not come by TLS, without a further condition."""
    return any(
        statement.get("Effect") == "Deny"
        and "*" in _principals(statement, "AWS")
        and {"s3:*", "*"} & set(texts(statement.get("Action")))
        and _is_about_a_whole_bucket(statement)
        and [key for _, key in _conditions(statement)] == ["aws:SecureTransport"]
        and str(part(part(statement, "Condition"), "Bool").get("aws:SecureTransport")).lower() == "false"
        for statement in statements
    )


def _allows(statement: Properties) -> bool:
    return statement.get("Effect") == "Allow"


def _principals(statement: Properties, provider: str) -> list[str]:
    """`"*"` alone stands for {"AWS": "*"}."""
    principal = statement.get("Principal")
    return texts(part(statement, "Principal").get(provider) if isinstance(principal, Mapping) else principal)


def _is_about_a_whole_bucket(statement: Properties) -> bool:
    """A bucket and its objects are two resources (S3 User Guide, "Policy resources for Amazon S3")."""
    resources = texts(statement.get("Resource"))
    return "*" in resources or any(f"{resource}/*" in resources for resource in resources)


def _conditions(statement: Properties) -> list[tuple[str, str]]:
    """All conditions of a statement, as operator and key."""
    conditions = part(statement, "Condition")
    return [(operator, key) for operator in conditions for key in part(conditions, operator)]


def _is_narrowed(statement: Properties) -> bool:
    return any(
        key.lower() in _NARROWING and "Not" not in operator and not operator.endswith(("IfExists", "Null"))
        for operator, key in _conditions(statement)
    )
