"""Lists bad changes to the resources of the stack prod, as a developer could make them without knowledge of the
policies.

These changes are called violations. The tests check each violation with the whole policy pack and prod's settings. A
violation counts as found only if a policy other than the one on prices reports it.

The mutations in tests/policies/mutations are different: each is checked only by the policy that it was written for.
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

# The indexes of the AWS stack and of the Google Cloud stack in the list that `policy_stacks` returns.
AWS, GOOGLE = 0, 1
# The value of `Violation.policy` if no policy detects the violation.
MISSED = ""


@dataclass(frozen=True)
class Violation:
    """One bad change to a stack. The changed resource has the Pulumi type `of`, and is the first that the function
    `where` accepts.

    The policy `policy` must report a finding that contains the text `says`. If `policy` is `MISSED`, no policy finds
    the violation.
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
    """Makes the harmful change that `violation` describes. Returns what each policy finds in the changed stack.

    Policies about single resources check only the changed resources, because the unchanged resources have no findings.
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
    """Of all resources that the violation can change, returns the one with the alphabetically first URN. The Pulumi
    program registers resources in no fixed order.
    """
    picked = [each for each in stack.resources if kind_of(each) == violation.of and violation.where(each)]
    return min(picked, key=lambda each: each.urn)
