"""Policies that check exemptions from policies: each exemption must be valid and still needed."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import timedelta

from pulumi_policy import Policy, Severity, StackValidationArgs

from policies.framework.controls import nist
from policies.framework.declare import architecture, exemptions_at, setting, urn_of_stack
from policies.framework.exemptions import REPORTED, VALID, Exemption, today
from policies.framework.names import unknown_names

# The maximum number of days for which an exemption may be valid. The owner of an exemption must therefore review it at
# least twice a year.
_LONGEST_DAYS = 180


def policies(names: Collection[str], renamed: Mapping[str, str]) -> list[Policy]:
    """Returns the policies that check exemptions. There can be no exemptions from these policies. `names` are the names
    of all other policies.

    `renamed` maps former names of policies to current names.
    """

    @architecture(
        VALID,
        "Every exemption is complete, names an existing policy, and expires in time.",
        severity=Severity.HIGH,
        control=nist("CA-5"),
        fix="Correct the entry in policies/exemptions, or remove the entry and comply with the policy",
        config={"days": {"type": "integer", "minimum": 1, "default": _LONGEST_DAYS}},
    )
    def valid(stack: StackValidationArgs) -> Iterator[str]:
        urn = urn_of_stack(stack)
        found = exemptions_at(urn)
        yield from found.problems
        for each in found.listed:
            if each.matches_everything(urn):
                yield f"{each} would match everything; name a part of the resource's type or name"
            unknown = unknown_names([each.policy], {*names, VALID, REPORTED}, renamed)
            yield from (f"{each}: {problem}" for problem in unknown)
            yield from _problems(each, int(setting(stack, "days", _LONGEST_DAYS)))

    @architecture(
        REPORTED,
        "Every plan lists its exemptions, and the findings that each exemption covers.",
        severity=Severity.LOW,
        control=nist("CA-7"),
        fix="Exemptions are listed in policies/exemptions",
        advisory=True,
    )
    def reported(stack: StackValidationArgs) -> Iterator[str]:
        found = exemptions_at(urn_of_stack(stack))
        for each in found.listed:
            if covered := found.covered.get(each):
                yield f"{each} covers until {each.expires} ({each.owner}: {each.reason}): {' / '.join(covered)}"
            elif each.expires >= today() and each.policy not in found.undecided:
                yield f"{each} covers nothing; remove it"
        found.covered.clear()
        found.undecided.clear()

    return [valid, reported]


def _problems(each: Exemption, days: int) -> Iterator[str]:
    if each.policy in (VALID, REPORTED):
        yield f"{each}: this policy allows no exemption"
    if each.expires < today():
        yield f"{each} expired on {each.expires}"
    elif each.expires > today() + timedelta(days=days):
        yield f"{each} expires on {each.expires}, in more than {days} days"
