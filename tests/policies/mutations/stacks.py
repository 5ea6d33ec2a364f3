"""Deploys the stacks whose resources the policy tests change. Together the stacks have each resource type that the
Pulumi program makes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from tests.policies.mutations import Outcome, run
from tests.policies.mutations.catalog import MUTATIONS
from tests.policies.resources import settings
from tests.support.harness import Registered
from tests.support.stacks import ON_GOOGLE, first_up

# Policy settings for the variant of prod that uses only Google Cloud; these settings replace prod's own.
_ONE_CLOUD: Mapping[str, Mapping[str, Any]] = {
    "multi-bucket-replicated": {"regions": 2},
    "multi-database-replicated": {"regions": 2},
    "multi-data-in-allowed-regions": {"regions": ["us-east?", "nam?", "us-east-1"]},
    "stack-shields-in-many-regions": {"regions": 1},
    "stack-shields-spread-over-clouds": {"share": 1},
}


@dataclass(frozen=True)
class PolicyStack:
    """A stack before any mutation, and the policy settings that apply to this stack."""

    title: str
    resources: Sequence[Registered]
    settings: Mapping[str, Mapping[str, Any]]

    def broken(self) -> list[Outcome]:
        return list(run(self.resources, MUTATIONS, self.settings))


@cache
def policy_stacks() -> Sequence[PolicyStack]:
    """Returns the stack of prod as configured, and a variant of prod with all possible parts on Google Cloud."""
    google = {**settings("prod"), **_ONE_CLOUD}
    return [
        PolicyStack("prod", first_up("prod").resources, settings("prod")),
        PolicyStack("prod on Google Cloud alone", first_up("prod", ON_GOOGLE).resources, google),
    ]
