"""Validates grants. A grant has the form `<ecosystem>:<name pattern>:<pull|push>`, and workers/edge/src/grants.ts
matches grants with requests.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from registry import RegistryError

ECOSYSTEMS = ("npm", "pypi", "oci")
ACTIONS = ("pull", "push")
_PATTERN = re.compile(r"[a-z0-9@*._~/-]{1,255}")


def checked(grants: Iterable[str]) -> list[str]:
    """Returns the grants in the given order, without duplicates. Raises RegistryError if `grants` is empty or contains
    a malformed grant. A malformed grant would match no package.
    """
    found = list(dict.fromkeys(grants))
    if not found:
        raise RegistryError("a token needs a grant, such as npm:@acme/*:pull")
    for grant in found:
        _check(grant)
    return found


def _check(grant: str) -> None:
    parts = grant.split(":")
    if len(parts) != 3:
        raise RegistryError(f"grant {grant!r}: write <ecosystem>:<name pattern>:<pull|push>, such as npm:@acme/*:pull")
    ecosystem, pattern, action = parts
    if ecosystem not in ECOSYSTEMS:
        raise RegistryError(f"grant {grant!r}: ecosystem {ecosystem!r} is not one of {', '.join(ECOSYSTEMS)}")
    if action not in ACTIONS:
        raise RegistryError(f"grant {grant!r}: action {action!r} is not one of {', '.join(ACTIONS)}")
    if not _PATTERN.fullmatch(pattern):
        raise RegistryError(
            f"grant {grant!r}: pattern {pattern!r} matches no name; use small letters, digits and @ . _ ~ / -, and "
            "* for any run of characters"
        )
    if ecosystem == "pypi" and re.search(r"[._]|--", pattern):
        raise RegistryError(f"grant {grant!r}: Python names are matched in PEP 503's normal form; use - for . and _")
