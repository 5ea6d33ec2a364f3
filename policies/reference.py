"""Writes the table of policies in docs/policy-list.md from the pack: `python -m policies.reference`."""

from __future__ import annotations

import json
from pathlib import Path

from pulumi_policy import Policy

from policies.pack import POLICIES

PAGE = Path(__file__).resolve().parents[1] / "docs" / "policy-list.md"
HEADING = "\n## All policies\n"

_INTRODUCTION = f"""{HEADING}
Written by `python -m policies.reference` from the pack; edit it there.

| policy | holds | severity | puts into effect | settings |
| --- | --- | --- | --- | --- |
"""


def page(written: str) -> str:
    """Returns the new text of docs/policy-list.md. `written` is the current text. The first part of the page, which
    people wrote, stays as it is. The generated table of policies replaces the rest.
    """
    by_hand = written.split(HEADING, 1)[0]
    return by_hand + _INTRODUCTION + "".join(_row(policy) for policy in POLICIES)


def _row(policy: Policy) -> str:
    severity = policy.severity.value if policy.severity else ""
    control = f"[{policy.framework.specification}]({_link(policy.url or '')})" if policy.framework else ""
    schema = policy.config_schema.properties if policy.config_schema else {}
    settings = ", ".join(f"`{name}` (`{json.dumps(about['default'])}`)" for name, about in schema.items())
    return f"| `{policy.name}` | {policy.description} | {severity} | {control} | {settings} |\n"


def _link(url: str) -> str:
    """Returns a link to the description of a security control. The link is for the page docs/policy-list.md. If the
    description is also a file in `docs`, the link is relative to `docs`.
    """
    return url.removeprefix("docs/")


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text()))
