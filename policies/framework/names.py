"""The names of policies: `<cloud>-<service>-<what must hold>`, described in docs/policies.md."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping

# A policy about resources of one cloud starts with that cloud. `multi` is for resources of several clouds, and `stack`
# for a policy about the stack as a whole.
CLOUDS = ("aws", "gcp", "cloudflare")
SEVERAL_CLOUDS = "multi"
WHOLE_STACK = "stack"

_FORM = re.compile(r"[a-z]+-[a-z0-9]+(-[a-z0-9]+)+")


class PolicyNameError(Exception):
    """A policy is declared under a name that does not follow the scheme."""


def check_name(name: str, prefix: str) -> None:
    """Raises PolicyNameError for a name that does not start with the prefix, or lacks one of its three parts."""
    if not _FORM.fullmatch(name) or name.split("-")[0] != prefix:
        raise PolicyNameError(
            f"the policy {name!r} has no name of the form {prefix}-<service>-<what must hold>, in lower case; "
            'see "Names" in docs/policies.md'
        )


def prefix_of(types: Collection[str]) -> str:
    """The first part of the name of a policy about resources of these types."""
    clouds = {token.split(":")[0] for token in types}
    return clouds.pop() if len(clouds) == 1 else SEVERAL_CLOUDS


def unknown_names(used: Iterable[str], names: Collection[str], renamed: Mapping[str, str]) -> Iterator[str]:
    """A sentence for each name that no policy has. `renamed` maps former names to those of today."""
    for name in used:
        if name in renamed:
            yield f"the policy {name} is now called {renamed[name]}; use this name"
        elif name not in names:
            yield f"there is no policy {name}; docs/policies.md lists all names"
