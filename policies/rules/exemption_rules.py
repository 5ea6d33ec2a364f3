"""Exceptions are looked at like everything else: whether they are sound, and whether they are still needed."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import timedelta

from pulumi_policy import Policy, Severity, StackValidationArgs

from policies.framework.controls import nist
from policies.framework.declare import architecture, exemptions_at, setting, urn_of_stack
from policies.framework.exemptions import Exemption, today

_LONGEST_DAYS = 180
"""Twice a year somebody has to look at an exception again."""


def policies(names: Collection[str]) -> list[Policy]:
    """The policies about exceptions. `names` are all policies that one may be made from; these are not among them."""

    @architecture(
        "exceptions-sound",
        "An exception names a policy that exists, and ends.",
        severity=Severity.HIGH,
        control=nist("CA-5"),
        fix="Mend the entry in policies/exceptions, or remove it and what it excused",
        config={"days": {"type": "integer", "minimum": 1, "default": _LONGEST_DAYS}},
    )
    def sound(stack: StackValidationArgs) -> Iterator[str]:
        found = exemptions_at(urn_of_stack(stack))
        yield from found.problems
        for each in found.listed:
            yield from _problems(each, names, int(setting(stack, "days", _LONGEST_DAYS)))

    @architecture(
        "exceptions-reported",
        "Whoever looks at a plan sees what it is excused from.",
        severity=Severity.LOW,
        control=nist("CA-7"),
        fix="Exceptions stand in policies/exceptions",
        advisory=True,
    )
    def reported(stack: StackValidationArgs) -> Iterator[str]:
        found = exemptions_at(urn_of_stack(stack))
        for each in found.listed:
            if excused := found.used.get(each):
                yield f"{each} excuses until {each.expires} ({each.owner}: {each.reason}): {' / '.join(excused)}"
            elif each.expires >= today() and each.policy not in found.undecided:
                yield f"{each} excuses nothing; remove it"
        found.used.clear()
        found.undecided.clear()

    return [sound, reported]


def _problems(each: Exemption, names: Collection[str], days: int) -> Iterator[str]:
    if each.policy not in names:
        yield f"{each}: there is no such policy to be excused from"
    if each.expires < today():
        yield f"{each} expired on {each.expires}"
    elif each.expires > today() + timedelta(days=days):
        yield f"{each} ends on {each.expires}, in more than {days} days"
