"""Policies about the exemptions themselves: whether they are valid, and whether they are still needed."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import timedelta

from pulumi_policy import Policy, Severity, StackValidationArgs

from policies.framework.controls import nist
from policies.framework.declare import architecture, exemptions_at, setting, urn_of_stack
from policies.framework.exemptions import Exemption, today

# The owner has to look at an exemption again at least twice a year.
_LONGEST_DAYS = 180


def policies(names: Collection[str]) -> list[Policy]:
    """The policies about exemptions. `names` are all other policies; from these two, nothing is exempt."""

    @architecture(
        "exceptions-sound",
        "An exemption names a policy that exists, and ends.",
        severity=Severity.HIGH,
        control=nist("CA-5"),
        fix="Correct the entry in policies/exemptions, or remove it and meet the policy",
        config={"days": {"type": "integer", "minimum": 1, "default": _LONGEST_DAYS}},
    )
    def valid(stack: StackValidationArgs) -> Iterator[str]:
        found = exemptions_at(urn_of_stack(stack))
        yield from found.problems
        for each in found.listed:
            yield from _problems(each, names, int(setting(stack, "days", _LONGEST_DAYS)))

    @architecture(
        "exceptions-reported",
        "Whoever looks at a plan sees what its exemptions cover.",
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


def _problems(each: Exemption, names: Collection[str], days: int) -> Iterator[str]:
    if each.policy not in names:
        yield f"{each}: there is no such policy to be exempt from"
    if each.expires < today():
        yield f"{each} expired on {each.expires}"
    elif each.expires > today() + timedelta(days=days):
        yield f"{each} ends on {each.expires}, in more than {days} days"
