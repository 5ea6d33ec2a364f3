"""Evaluates conditions in IAM policies, with only the operators that this project's policies use.

Source: IAM User Guide, "IAM JSON policy elements: Condition operators".
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Collection, Mapping
from typing import Any


class UnknownCondition(Exception):
    """A policy has a condition, or another element, that is not emulated. The message names it."""


_MATCHES: Mapping[str, Callable[[str, str], bool]] = {
    "StringEquals": lambda actual, wanted: actual == wanted,
    "StringLike": lambda actual, wanted: like(wanted, actual),
    "IpAddress": lambda actual, wanted: ipaddress.ip_address(actual) in ipaddress.ip_network(wanted),
    "Bool": lambda actual, wanted: actual == wanted.lower(),
    "NumericLessThan": lambda actual, wanted: float(actual) < float(wanted),
}
_NEGATED = {"StringNotEquals": "StringEquals", "StringNotLike": "StringLike", "NotIpAddress": "IpAddress"}


def holds(conditions: Mapping[str, Mapping[str, Any]], context: Mapping[str, str], known: Collection[str]) -> bool:
    """Returns whether a request with this context meets all conditions. A key in `known` may be missing from the
    context: a request through an endpoint has no source address, for example. Raises UnknownCondition for other keys
    and operators."""
    return all(
        _holds(operator, key, texts(values), context, known)
        for operator, of in conditions.items()
        for key, values in of.items()
    )


def texts(value: Any) -> list[str]:
    """Returns a policy value as a list, because policies contain either one text or a list of texts."""
    return [value] if isinstance(value, str) else [str(each) for each in value or ()]


def like(pattern: str, text: str) -> bool:
    """Returns whether the text matches the pattern: `*` matches any characters, and `?` matches one character."""
    expression = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    return re.fullmatch(expression, text, re.DOTALL) is not None


def _holds(
    operator: str, key: str, wanted: Collection[str], context: Mapping[str, str], known: Collection[str]
) -> bool:
    """Returns whether one condition holds. One matching value is enough; a negated operator holds if no value matches
    or the context lacks the key."""
    matches = _MATCHES.get(_NEGATED.get(operator, operator))
    if matches is None or key not in known:
        raise UnknownCondition(f"policy condition {operator} {key} is not emulated")
    found = key in context and any(matches(context[key], each) for each in wanted)
    return found != (operator in _NEGATED)
