"""Deploys the stacks whose resources the policy tests change. Between them, the stacks contain every resource type that
the Pulumi program can create.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from tests.policies.mutations import Mutation, Outcome, StackMutation, kind_of, run
from tests.policies.mutations.catalog import MUTATIONS
from tests.policies.resources import settings
from tests.support.harness import Registered
from tests.support.stacks import ON_GOOGLE, PROD_WITH_ACCELERATOR, PROD_WITH_BALANCER, first_up

# Policy settings for the variant of prod that uses only Google Cloud. They override the policy settings of prod.
_ONE_CLOUD: Mapping[str, Mapping[str, Any]] = {
    "multi-bucket-replicated": {"regions": 2},
    "multi-database-replicated": {"regions": 2},
    "multi-data-in-allowed-regions": {"regions": ["us-east?", "nam?", "us-east-1"]},
    "stack-shields-in-many-regions": {"regions": 1},
    "stack-shields-spread-over-clouds": {"share": 1},
}


@dataclass(frozen=True)
class PolicyStack:
    """A stack that meets the policies, and the policy settings for this stack. The mutations (deliberate faults) change
    copies of its resources. They do not change resources whose types are in `unbroken`.
    """

    title: str
    resources: Sequence[Registered]
    settings: Mapping[str, Mapping[str, Any]]
    unbroken: frozenset[str] = frozenset()

    def broken(self) -> list[Outcome]:
        mutations = [each for each in MUTATIONS if not self.unbroken.issuperset(each.of)]
        return list(run(self.resources, [self._without_unbroken(each) for each in mutations], self.settings))

    def _without_unbroken(self, mutation: Mutation | StackMutation) -> Mutation | StackMutation:
        return replace(mutation, of=[each for each in mutation.of if each not in self.unbroken])


@cache
def policy_stacks() -> Sequence[PolicyStack]:
    """Returns four variants of the stack prod: as configured, with only Google Cloud, with an accelerator, and with
    Google's load balancer. The tests make harmful changes to all resource types of the first two variants. In the other
    variants, they change only resource types that the variants before do not have.
    """
    google = {**settings("prod"), **_ONE_CLOUD}
    prod, accelerated = first_up("prod").resources, first_up("prod", PROD_WITH_ACCELERATOR).resources
    balanced = first_up("prod", PROD_WITH_BALANCER).resources
    return [
        PolicyStack("prod", prod, settings("prod")),
        PolicyStack("prod on Google Cloud alone", first_up("prod", ON_GOOGLE).resources, google),
        PolicyStack("prod with an accelerator", accelerated, settings("prod"), frozenset(map(kind_of, prod))),
        PolicyStack(
            "prod with Google's load balancer",
            balanced,
            settings("prod"),
            frozenset(map(kind_of, [*prod, *accelerated])),
        ),
    ]
