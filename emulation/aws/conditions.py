"""Conditions in policies: the operators that this program's policies use, and no others.

Source: IAM User Guide, "IAM JSON policy elements: Condition operators".
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Collection, Mapping
from typing import Any


class UnknownCondition(Exception):
    """A policy has a condition, or another element, that is not emulated; the message names it."""


_MATCHES: Mapping[str, Callable[[str, str], bool]] = {
    "StringEquals": lambda actual, wanted: actual == wanted,
    "StringLike": lambda actual, wanted: like(wanted, actual),
    "IpAddress": lambda actual, wanted: ipaddress.ip_address(actual) in ipaddress.ip_network(wanted),
    "Bool": lambda actual, wanted: actual == wanted.lower(),
    "NumericLessThan": lambda actual, wanted: float(actual) < float(wanted),
}
_NEGATED = {"StringNotEquals": "StringEquals", "StringNotLike": "StringLike", "NotIpAddress": "IpAddress"}


def holds(conditions: Mapping[str, Mapping[str, Any]], context: Mapping[str, str], known: Collection[str]) -> bool:
    """Whether all hold of a request. Keys that are `known` may still be missing in its context, as an address is of
    what came through an endpoint. Raises UnknownCondition."""
    return all(
        _holds(operator, key, texts(values), context, known)
        for operator, of in conditions.items()
        for key, values in of.items()
    )


def texts(value: Any) -> list[str]:
    """Policies write one text or a list of them."""
    return [value] if isinstance(value, str) else [str(each) for each in value or ()]


def like(pattern: str, text: str) -> bool:
    """`*` is any run of characters, `?` any one."""
    expression = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    return re.fullmatch(expression, text, re.DOTALL) is not None


def _holds(
    operator: str, key: str, wanted: Collection[str], context: Mapping[str, str], known: Collection[str]
) -> bool:
    """Of several values, one is enough; a negated operator holds where none of them matches, or nothing is there."""
    matches = _MATCHES.get(_NEGATED.get(operator, operator))
    if matches is None or key not in known:
        raise UnknownCondition(f"policy condition {operator} {key} is not emulated")
    found = key in context and any(matches(context[key], each) for each in wanted)
    return found != (operator in _NEGATED)
