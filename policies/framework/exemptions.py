"""Reads the file `policies/exemptions/<stack>.yaml`, which exempts resources of a stack from policies. Each exemption
has a reason, an owner and an expiry date.

An exemption covers a policy's finding only if the exemption is valid and has not expired. Two policies check the
exemptions. `stack-exemptions-reported` lists each exemption and the findings that it covers, and never makes a plan
fail. `stack-exemptions-valid` reports an unreadable file, an invalid exemption and an expired exemption.
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

DIRECTORY = Path(__file__).resolve().parents[1] / "exemptions"

# The names of the policies about exemptions. No exemption covers findings of these policies. Otherwise, an exemption
# could cover a finding about itself.
VALID = "stack-exemptions-valid"
REPORTED = "stack-exemptions-reported"

# The former name of the directory with exemption files, used until release 0.1.
FORMER_NAME = "exceptions"


class Exemption(BaseModel):
    """An exemption of some resources from one policy. `resource` is a pattern (`*`, `?`, `[…]`) that matches the whole
    URN of each of these resources.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    policy: str
    resource: str = Field(pattern=r"[^*?]{4}")
    reason: str = Field(min_length=20)
    owner: str = Field(min_length=1)
    expires: date

    def __str__(self) -> str:
        return f"the exemption from {self.policy} for {self.resource}"

    def matches_everything(self, urn: str) -> bool:
        """Returns whether the pattern names no type and no name, so that it matches every resource of the stack that
        `urn` belongs to.
        """
        return fnmatchcase(f"{'::'.join(urn.split('::')[:2])}::-::-", self.resource)


@dataclass
class Exemptions:
    """A stack's exemptions from policies. `covered` maps each exemption to the findings that the exemption has covered
    since the last report of the policy stack-exemptions-reported.

    `undecided` has the names of the policies that could not run because a value was not known yet. Exemptions from
    these policies may still be needed, so the policy pack does not report them as unused.
    """

    stack: str
    listed: list[Exemption] = field(default_factory=list["Exemption"])
    problems: list[str] = field(default_factory=list[str])
    covered: dict[Exemption, list[str]] = field(default_factory=dict["Exemption", list[str]])
    undecided: set[str] = field(default_factory=set[str])

    def cover(self, policy: str, urn: str, finding: str) -> bool:
        """Returns whether an exemption covers a policy's finding. If an exemption covers the finding, adds the finding
        to the attribute `covered`.
        """
        if policy in (VALID, REPORTED):
            return False
        for each in self.listed:
            applies = each.expires >= today() and not each.matches_everything(urn)
            if each.policy == policy and applies and fnmatchcase(urn, each.resource):
                self.covered.setdefault(each, []).append(finding)
                return True
        return False


def today() -> date:
    return date.today()


@cache
def exemptions(stack: str) -> Exemptions:
    """Reads `<stack>.yaml`, and returns the exemptions of the stack from policies. If the file does not exist, the
    result has no exemptions.

    For an invalid entry of the file, the result's list `problems` has an error message. An invalid entry covers no
    finding.
    """
    file = DIRECTORY / f"{stack}.yaml"
    found = Exemptions(stack)
    if DIRECTORY.with_name(FORMER_NAME).exists():
        found.problems.append(
            f"policies/{FORMER_NAME} is not read; move its files to policies/{DIRECTORY.name} and remove it"
        )
    if not file.exists():
        return found
    try:
        entries: Any = yaml.safe_load(file.read_text()) or []
    except yaml.YAMLError as error:
        found.problems.append(f"{file.name} is not YAML: {' '.join(str(error).split())}")
        return found
    if not isinstance(entries, list):
        found.problems.append(f"{file.name} is not a list of exemptions")
        return found
    for number, entry in enumerate(cast(list[Any], entries), start=1):
        try:
            found.listed.append(Exemption.model_validate(entry))
        except ValidationError as error:
            found.problems += [f"{file.name}, entry {number}: {_problem_line(problem)}" for problem in error.errors()]
    return found


def _problem_line(problem: Any) -> str:
    place = ".".join(str(part) for part in problem["loc"])
    if place == "resource" and problem["type"] == "string_pattern_mismatch":
        return f"resource {problem['input']!r} would match everything; name a part of the URN"
    return f"{place or 'it'}: {problem['msg'][:1].lower()}{problem['msg'][1:]}"
