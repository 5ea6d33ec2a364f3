"""Evaluates conditions in IAM policies, with only the operators that this project's policies use.

Source: IAM User Guide, "IAM JSON policy elements: Condition operators".
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

# The value of a condition key in a request: a text, or several texts for a multivalued key.
Values = str | Sequence[str]


class UnknownCondition(Exception):
    """Raised for a policy with a condition or another element that is not emulated. The message names the element."""


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
    """Returns whether a request meets all conditions of a policy statement. `context` holds the values of the request's
    condition keys. `known` names the condition keys that the emulation supports. A request may lack such a key: for
    example, a request through a VPC endpoint has no source address. Raises UnknownCondition for a condition with
    another key or an unsupported operator."""
    return all(
        _holds(operator, key, texts(values), context, known)
        for operator, of in conditions.items()
        for key, values in of.items()
    )


def texts(value: Any) -> list[str]:
    """Returns the value of a policy element as a list, because a policy may contain either a string or a list of
    strings."""
    return [value] if isinstance(value, str) else [str(each) for each in value or ()]


def like(pattern: str, text: str) -> bool:
    """Returns whether the text matches the pattern: `*` matches any characters, and `?` matches one character."""
    expression = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    return re.fullmatch(expression, text, re.DOTALL) is not None


def _holds(
    operator: str, key: str, wanted: Collection[str], context: Mapping[str, Values], known: Collection[str]
) -> bool:
    """Returns whether a request meets one condition of a policy. One matching value is enough. A negated operator holds
    if no value matches or if the request lacks the key. An operator with the suffix `IfExists` or
    the prefix `ForAllValues` holds if the request lacks the key. With this prefix, each value of the request must
    match."""
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
