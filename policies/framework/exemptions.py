"""Exceptions from policies: written down for one stack, for a reason, under a name, and until a day.

They stand in `exceptions/<stack>.yaml`. Only what is sound and has not expired excuses a finding; what is wrong with a
file is a finding of its own, and so is an exception that outlives its day. Whatever was excused is still told.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any, cast

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

DIRECTORY = Path(__file__).parent / "exceptions"


class Exemption(BaseModel):
    """One policy that some resources need not meet. `resource` is a pattern (`*`, `?`, `[…]`) for their whole URN."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    policy: str
    resource: str = Field(pattern=r"[^*?]{4}")
    reason: str = Field(min_length=20)
    owner: str = Field(min_length=1)
    expires: date

    def __str__(self) -> str:
        return f"{self.policy} for {self.resource}"


@dataclass
class Exemptions:
    """Those of one stack, and what they did since they were last reported.

    `undecided` are policies that asked for a value which is not known yet, so that what they excuse is not either.
    """

    stack: str
    listed: list[Exemption] = field(default_factory=list["Exemption"])
    problems: list[str] = field(default_factory=list[str])
    used: dict[Exemption, list[str]] = field(default_factory=dict["Exemption", list[str]])
    undecided: set[str] = field(default_factory=set[str])

    def excuse(self, policy: str, urn: str, finding: str) -> bool:
        """Whether an exception covers the finding; it is then remembered as used."""
        for each in self.listed:
            if each.policy == policy and each.expires >= today() and fnmatchcase(urn, each.resource):
                self.used.setdefault(each, []).append(finding)
                return True
        return False


def today() -> date:
    return date.today()


@cache
def exemptions(stack: str) -> Exemptions:
    """What `exceptions/<stack>.yaml` says; nothing where there is no file. One that cannot be read excuses nothing."""
    file = DIRECTORY / f"{stack}.yaml"
    found = Exemptions(stack)
    if not file.exists():
        return found
    try:
        entries: Any = yaml.safe_load(file.read_text()) or []
    except yaml.YAMLError as error:
        found.problems.append(f"{file.name} is not YAML: {' '.join(str(error).split())}")
        return found
    if not isinstance(entries, list):
        found.problems.append(f"{file.name} is not a list of exceptions")
        return found
    for number, entry in enumerate(cast(list[Any], entries), start=1):
        try:
            found.listed.append(Exemption.model_validate(entry))
        except ValidationError as error:
            found.problems += [f"{file.name}, entry {number}: {_said(problem)}" for problem in error.errors()]
    return found


def _said(problem: Any) -> str:
    place = ".".join(str(part) for part in problem["loc"])
    if place == "resource" and problem["type"] == "string_pattern_mismatch":
        return f"resource {problem['input']!r} would match everything; name a part of the URN"
    return f"{place or 'it'}: {problem['msg'][:1].lower()}{problem['msg'][1:]}"
