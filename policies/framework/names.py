"""Checks the names of policies, which have the form `<cloud>-<service>-<what must hold>` (docs/policies.md)."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from difflib import get_close_matches

# The first word of a policy's name tells what the policy checks: resources of one cloud, of several clouds (`multi`),
# or the stack as a whole (`stack`).
CLOUDS = ("aws", "gcp", "cloudflare")
SEVERAL_CLOUDS = "multi"
WHOLE_STACK = "stack"

_FORM = re.compile(r"[a-z]+-[a-z0-9]+(-[a-z0-9]+)+")


class PolicyNameError(Exception):
    """Raised when the name of a policy does not follow the naming scheme of policies."""


def check_name(name: str, prefix: str) -> None:
    """Checks that the name of a policy has the form `<prefix>-<service>-<what must hold>`. Raises PolicyNameError for
    any other name.
    """
    if not _FORM.fullmatch(name) or name.split("-")[0] != prefix:
        raise PolicyNameError(
            f"the policy {name!r} has no name of the form {prefix}-<service>-<what must hold>, in lower case; "
            'see "Names" in docs/policies.md'
        )


def prefix_of(types: Collection[str]) -> str:
    """Returns the first part of a policy's name. This part is the cloud of the resource types that the policy checks.
    If the types belong to several clouds, the first part is `multi`.
    """
    clouds = {token.split(":")[0] for token in types}
    return clouds.pop() if len(clouds) == 1 else SEVERAL_CLOUDS


def unknown_names(used: Iterable[str], names: Collection[str], renamed: Mapping[str, str]) -> Iterator[str]:
    """Yields an error message for each unknown policy name in the policy pack's configuration. `renamed` maps former
    names of policies to their current names.
    """
    for name in used:
        if name in renamed:
            yield f"the policy {name} is now called {renamed[name]}; use this name"
        elif name not in names:
            yield f"there is no policy {name}; docs/policy-list.md lists all names"


def unknown_settings(policy: str, used: Iterable[str], names: Collection[str]) -> Iterator[str]:
    """Yields an error message for each unknown setting of a policy. `used` contains the setting names in the policy
    pack's configuration, and `names` contains the settings that the policy supports. The message suggests the supported
    setting with the most similar name, or lists all supported settings.
    """
    for name in used:
        if name in names:
            continue
        if not names:
            yield f"the policy {policy} has no settings; remove {name!r}"
            continue
        similar = get_close_matches(name, names, n=1, cutoff=0.5)
        hint = f"did you mean {similar[0]!r}?" if similar else f"it has {', '.join(sorted(names))}"
        yield f"the policy {policy} has no setting {name!r}; {hint}"
