"""Lists violations: bad changes to the resources of the stack prod that a developer could make without knowledge of the
policies.

The tests check each violation with the whole policy pack and prod's settings. At least one policy must report the
violation. A report of the policy on prices does not count.

The mutations in tests/policies/mutations are different. Each mutation is checked only by the policy that it was written
for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from functools import cache

from pulumi_policy import PolicyResource, ResourceValidationPolicy

from policies.pack import POLICIES
from tests.policies.graph import graph
from tests.policies.mutations import Change, kind_of
from tests.policies.mutations.stacks import PolicyStack, policy_stacks
from tests.policies.resources import findings
from tests.support.harness import Registered

# The positions of the AWS stack and of the Google Cloud stack in the list that `policy_stacks` returns.
AWS, GOOGLE = 0, 1
# The value of `Violation.policy` for a bad change that no policy detects. Such entries document the known gaps of the
# policies.
MISSED = ""


@dataclass(frozen=True)
class Violation:
    """One bad change to a stack. It changes the first resource of the Pulumi type `of` that the function `where`
    accepts.

    The policy `policy` must report a finding whose message contains the string `says`. If `policy` is `MISSED`, no
    policy finds the violation.
    """

    how: str
    policy: str
    says: str
    of: str
    change: Change
    where: Callable[[Registered], bool] = lambda _: True
    stack: int = AWS

    def __str__(self) -> str:
        return f"{('prod', 'google')[self.stack]}: {self.how}"


def findings_of(violation: Violation) -> Mapping[str, Sequence[str]]:
    """Makes the harmful change that `violation` describes. Returns the findings of each policy in the changed stack.

    Policies that check single resources see only the changed resources, because the unchanged resources have no
    findings.
    """
    stack = policy_stacks()[violation.stack]
    whole = _graph_of(violation.stack)
    broken = _selected(stack, violation)
    changed = graph(violation.change(deepcopy(broken)), whole)
    everything = [*(each for urn, each in whole.items() if urn != broken.urn), *changed]
    found = {
        policy.name: findings(
            policy.name,
            changed if isinstance(policy, ResourceValidationPolicy) else everything,
            stack.settings.get(policy.name),
        )
        for policy in POLICIES
    }
    return {name: said for name, said in found.items() if said}


@cache
def _graph_of(stack: int) -> Mapping[str, PolicyResource]:
    return {each.urn: each for each in graph(policy_stacks()[stack].resources)}


def _selected(stack: PolicyStack, violation: Violation) -> Registered:
    """Returns the resource that a violation (one bad change to a stack) changes. If several resources qualify, returns
    the one with the alphabetically first URN, because the Pulumi program registers resources in no fixed order.
    """
    picked = [each for each in stack.resources if kind_of(each) == violation.of and violation.where(each)]
    return min(picked, key=lambda each: each.urn)
