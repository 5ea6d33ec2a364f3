"""Breaks each resource of a real stack in one way per policy that governs it, and sees whether the pack notices.

The stack is what the whole program registers for an environment, on mocks. A policy that lets a broken resource pass
either reads the wrong property, or reads it wherever our own program happens not to put it: its cases would not tell.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from pulumi_policy import PolicyResource, ResourceValidationPolicy

from policies.framework.declare import governs, kind
from policies.pack import POLICIES
from tests.policies.graph import graph
from tests.policies.resources import NAMES, findings
from tests.support.harness import Registered

Change = Callable[[Registered], Sequence[Registered]]
"""What stands in the place of a resource: nothing, a changed one, or it and something beside it."""


@dataclass(frozen=True)
class Mutation:
    """One way to break resources of some types, as a careless change to the program would. `where` picks among them."""

    policy: str
    of: Sequence[str]
    how: str
    change: Change
    where: Callable[[Registered], bool] = lambda _: True


@dataclass(frozen=True)
class StackMutation:
    """One way to break a stack that takes more than one resource. `change` gives it broken at each place in turn."""

    policy: str
    of: Sequence[str]
    how: str
    change: Callable[[Sequence[Registered]], Iterator[Sequence[Registered]]]


@dataclass(frozen=True)
class Outcome:
    """A broken resource, and what the policy said of it; nothing, where it was not caught."""

    mutation: Mutation | StackMutation
    resource: str
    said: Sequence[str]


def run(
    registered: Sequence[Registered],
    mutations: Iterable[Mutation | StackMutation],
    settings: Mapping[str, Mapping[str, Any]],
) -> Iterator[Outcome]:
    """Every mutation on every resource that it is about, each on the stack as it was."""
    whole = {each.urn: each for each in graph(registered)}
    for mutation in mutations:
        config = settings.get(mutation.policy, {})
        if isinstance(mutation, StackMutation):
            for number, stack in enumerate(mutation.change(registered), start=1):
                yield Outcome(mutation, f"the stack, {number}", findings(mutation.policy, graph(stack), config))
        else:
            for broken in registered:
                if _is_about(mutation, broken):
                    yield Outcome(mutation, broken.urn, _asked(mutation, broken, whole, config))


def unbroken(registered: Sequence[Registered], mutations: Iterable[Mutation | StackMutation]) -> set[tuple[str, str]]:
    """Policies with the types that they govern and the stack has, but no mutation breaks."""
    has = {kind_of(each) for each in registered}
    broken = {
        (mutation.policy, kind_of(each)) for mutation in mutations for each in registered if _is_about(mutation, each)
    }
    return {(name, token) for name in NAMES for token in governs(name) if token in has} - broken


def ungoverned(registered: Iterable[Registered], mutations: Iterable[Mutation | StackMutation]) -> set[str]:
    """Types of resources that no policy reads: neither for themselves, nor to judge another."""
    read = {token for name in NAMES for token in governs(name)} | {token for each in mutations for token in each.of}
    return {kind_of(each) for each in registered if not each.type.startswith("artifact-edge:")} - read


def _is_about(mutation: Mutation | StackMutation, resource: Registered) -> bool:
    return kind_of(resource) in mutation.of and (isinstance(mutation, StackMutation) or mutation.where(resource))


def kind_of(registered: Registered) -> str:
    return kind(_Typed(registered.type))


@dataclass(frozen=True)
class _Typed:
    resource_type: str


def _asked(
    mutation: Mutation, broken: Registered, whole: Mapping[str, PolicyResource], config: Mapping[str, Any]
) -> list[str]:
    changed = list(mutation.change(deepcopy(broken)))
    instead = graph(changed, whole)
    policy = next(policy for policy in POLICIES if policy.name == mutation.policy)
    if isinstance(policy, ResourceValidationPolicy):
        return findings(mutation.policy, instead, config)
    others = [each for urn, each in whole.items() if urn != broken.urn]
    return findings(mutation.policy, [*others, *instead], config)
