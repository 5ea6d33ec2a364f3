"""Reads principals in IAM policy documents: whom a statement allows, and whether its conditions restrict them."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping

from policies.framework.declare import Properties, part, texts
from policies.framework.iam_documents import allows, conditions_of

_ACCOUNT = re.compile(r"\d{12}")
_ORGANIZATION = re.compile(r"o-[a-z0-9]{10,32}")
_NETWORK = re.compile(r"vpce?-[0-9a-z]+")

# If a statement allows all principals, a condition on one of these IAM condition keys restricts it to some principals
# (S3 User Guide, "The meaning of 'public'"). The keys are grouped by the form of their values.
_ACCOUNT_KEYS = {"aws:principalaccount", "aws:sourceaccount", "kms:calleraccount", "s3:dataaccesspointaccount"}
_ARN_KEYS = {"aws:principalarn", "aws:sourcearn"}
_ORGANIZATION_KEYS = {"aws:principalorgid", "aws:sourceorgid"}
_PATH_KEYS = {"aws:principalorgpaths", "aws:sourceorgpaths"}
_NETWORK_KEYS = {"aws:sourcevpc", "aws:sourcevpce"}

# IAM condition operators that compare the value in the request with a list of values. The condition is true only if the
# request has a value for the condition key, and this value is in the list.
_MATCHING = {"StringEquals", "StringEqualsIgnoreCase", "StringLike", "ArnEquals", "ArnLike"}
# The IAM operator prefix for condition keys that can have several values in one request, such as the paths of
# organizations. AWS advises against the prefix for other keys (IAM User Guide, "Single-valued vs. multivalued context
# keys"). For such keys, a condition with this prefix does not count as a restriction.
_ANY_VALUE = "ForAnyValue:"


def principals(statement: Properties, provider: str) -> list[str]:
    """Returns the principals of an IAM statement that have the key `provider`. `Principal` maps keys such as `AWS` or
    `Service` to principals.

    The principal `"*"` alone means the same as `{"AWS": "*"}`.
    """
    principal = statement.get("Principal")
    if isinstance(principal, Mapping):
        return texts(part(statement, "Principal").get(provider))
    return texts(principal) if provider == "AWS" else []


def is_for_all_principals(statement: Properties) -> bool:
    """Returns whether an IAM statement allows all principals an action, without a condition that restricts the
    statement to named principals.
    """
    if not allows(statement):
        return False
    if "NotPrincipal" in statement:
        return True
    return any(_has_wildcard(each) for each in principals(statement, "AWS")) and not is_restricted(statement)


def is_for_all_identities(statement: Properties) -> bool:
    """Returns whether an IAM statement allows an action to all identities of a federated identity provider. This is the
    case if no condition limits the statement to named subjects.
    """
    named = any(
        operator == "StringEquals" and key.endswith(":sub") and values
        for operator, key, values in conditions_of(statement)
    )
    return allows(statement) and bool(principals(statement, "Federated")) and not named


def is_restricted(statement: Properties) -> bool:
    """Returns whether a condition restricts an IAM statement to named principals, sources or networks.

    A request needs to match only one value of a condition, so every value must name a principal, a source or a network.
    """
    return any(
        _is_comparison(operator, key) and values and all(_is_specific(key, value) for value in values)
        for operator, key, values in conditions_of(statement)
    )


def outside_principals(
    statement: Properties, accounts: Collection[str], organizations: Collection[str]
) -> Iterator[str]:
    """Yields the principals that an IAM statement allows and that are outside the given accounts and organizations."""
    if not allows(statement):
        return
    for principal in principals(statement, "AWS"):
        if not _has_wildcard(principal) and _account_of(principal) not in accounts:
            yield principal
    yield from (f"the canonical user {user}" for user in principals(statement, "CanonicalUser"))
    for provider in principals(statement, "Federated"):
        if provider.startswith("arn:") and _account_of(provider) not in accounts:
            yield provider
    for operator, key, values in conditions_of(statement):
        if "Not" not in operator and "Null" not in operator:
            yield from (value for value in values if _is_outside(key, value, accounts, organizations))


def unbound_services(statement: Properties) -> list[str]:
    """Returns the AWS services that an IAM statement allows to act on behalf of any account. Returns an empty list if a
    condition restricts the statement to named principals, sources or networks.
    """
    return principals(statement, "Service") if allows(statement) and not is_restricted(statement) else []


def _is_outside(key: str, value: str, accounts: Collection[str], organizations: Collection[str]) -> bool:
    if key in _ORGANIZATION_KEYS | _PATH_KEYS:
        return value.split("/")[0] not in organizations
    if not _is_specific(key, value) or key not in _ACCOUNT_KEYS | _ARN_KEYS:
        return False  # the value contains no account ID, so it cannot name another account
    return _account_of(value) not in {*accounts, ""}


def _account_of(principal: str) -> str:
    """Returns the account ID in an ARN. If `principal` is not an ARN, returns it unchanged."""
    fields = principal.split(":", 5)
    return fields[4] if len(fields) == 6 else principal


def _is_comparison(operator: str, key: str) -> bool:
    if key in _PATH_KEYS:
        return operator.removeprefix(_ANY_VALUE) in _MATCHING
    return operator in _MATCHING


def _is_specific(key: str, value: str) -> bool:
    if key in _ACCOUNT_KEYS:
        return _ACCOUNT.fullmatch(value) is not None
    if key in _ARN_KEYS:
        return has_owner(value)
    if key in _ORGANIZATION_KEYS:
        return _ORGANIZATION.fullmatch(value) is not None
    if key in _PATH_KEYS:
        return _ORGANIZATION.fullmatch(value.split("/")[0]) is not None
    return key in _NETWORK_KEYS and _NETWORK.fullmatch(value) is not None


def has_owner(arn: str) -> bool:
    """Returns whether an ARN pattern names one AWS account or one S3 bucket. All ARNs that match such a pattern have
    the same owner.
    """
    fields = arn.split(":", 5)
    if len(fields) < 6:
        return False
    return _ACCOUNT.fullmatch(fields[4]) is not None or (
        fields[2:5] == ["s3", "", ""] and not _has_wildcard(fields[5].split("/")[0])
    )


def _has_wildcard(text: str) -> bool:
    return "*" in text or "?" in text
