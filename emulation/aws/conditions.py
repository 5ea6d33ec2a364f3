"""Evaluates conditions in IAM policies, with only the operators that this project's policies use.

Source: IAM User Guide, "IAM JSON policy elements: Condition operators".
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import lru_cache
from typing import Any

# The value of an IAM condition key in a request: a string, or several strings for a multivalued key.
Values = str | Sequence[str]


class UnknownCondition(Exception):
    """Raised for an IAM policy with a condition or another element that is not emulated. The error's message names the
    element.
    """


_MATCHES: Mapping[str, Callable[[str, str], bool]] = {
    "StringEquals": lambda actual, wanted: actual == wanted,
    "StringLike": lambda actual, wanted: like(wanted, actual),
    "ArnLike": lambda actual, wanted: like(wanted, actual),
    "IpAddress": lambda actual, wanted: ipaddress.ip_address(actual) in ipaddress.ip_network(wanted),
    "Bool": lambda actual, wanted: actual == wanted.lower(),
    "NumericLessThan": lambda actual, wanted: float(actual) < float(wanted),
}
_IF_EXISTS = "IfExists"
_FOR_ALL = "ForAllValues:"
_NEGATED = {"StringNotEquals": "StringEquals", "StringNotLike": "StringLike", "NotIpAddress": "IpAddress"}


def holds(conditions: Mapping[str, Mapping[str, Any]], context: Mapping[str, Values], known: Collection[str]) -> bool:
    """Returns whether a request meets all conditions of an IAM policy statement.

    `context` holds the values that the request has for condition keys. `known` lists the condition keys that the
    emulation supports. A request may lack the value of a supported key: for example, a request through a VPC endpoint
    has no source address. Raises UnknownCondition for a condition with another key or an unsupported operator.
    """
    return all(
        _holds(operator, key, texts(values), context, known)
        for operator, of in conditions.items()
        for key, values in of.items()
    )


def texts(value: Any) -> list[str]:
    """Returns the value of an IAM policy element as a list of strings. In a policy, the value is either a string or a
    list.
    """
    return [value] if isinstance(value, str) else [str(each) for each in value or ()]


def like(pattern: str, text: str) -> bool:
    """Returns whether `text` matches a pattern of an IAM policy. In the pattern, `*` stands for any characters, and `?`
    for one character.
    """
    return _expression(pattern).fullmatch(text) is not None


@lru_cache(4096)
def _expression(pattern: str) -> re.Pattern[str]:
    return re.compile(re.escape(pattern).replace(r"\*", ".*").replace(r"\?", "."), re.DOTALL)


def _holds(
    operator: str, key: str, wanted: Collection[str], context: Mapping[str, Values], known: Collection[str]
) -> bool:
    """Returns whether a request meets one condition of an IAM policy.

    If the request has the condition's key, at least one of the key's values must match. If the operator is negated, no
    value may match. If the operator begins with `ForAllValues`, all values must match. A request without the key meets
    the condition only if the operator is negated, ends in `IfExists` or begins with `ForAllValues`.
    """
    plain = operator.removeprefix(_FOR_ALL).removesuffix(_IF_EXISTS)
    matches = _MATCHES.get(_NEGATED.get(plain, plain))
    if matches is None or key not in known:
        raise UnknownCondition(f"policy condition {operator} {key} is not emulated")
    if key not in context and operator != plain:
        return True
    given = texts(context.get(key))
    found = [any(matches(actual, each) for each in wanted) for actual in given]
    if operator.startswith(_FOR_ALL):
        return all(each != (plain in _NEGATED) for each in found)
    return any(found) != (plain in _NEGATED)
