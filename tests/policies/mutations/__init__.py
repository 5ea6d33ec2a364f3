"""Breaks the resources of a real stack, and checks whether the policy pack reports each change. For each policy, the
tests break every resource type that the policy governs in at least one way.

The stack holds all resources that the Pulumi program registers for an environment. The clouds are emulated. If a policy
accepts a broken resource, the policy reads a wrong property, or looks in the wrong place. The cases in
tests/policies/cases cannot show this fault, because their resources are written by hand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from pulumi_policy import PolicyResource, ResourceValidationPolicy

from policies.framework.declare import governs
from policies.framework.kinds import kind
from policies.pack import POLICIES
from tests.policies.graph import graph
from tests.policies.resources import NAMES, findings
from tests.support.harness import Registered

# A function that gets one resource of a stack. It returns the resources that replace this resource. To remove the
# resource, the function returns an empty list. To add a resource, it returns the original resource and the new one.
Change = Callable[[Registered], Sequence[Registered]]


@dataclass(frozen=True)
class Mutation:
    """A deliberate fault, which imitates a careless edit of the Pulumi program. The policy `policy` must report it.
    `change` breaks one resource. The tests apply it to each resource whose type is in `of` and that `where` selects.
    """

    policy: str
    of: Sequence[str]
    how: str
    change: Change
    where: Callable[[Registered], bool] = lambda _: True


@dataclass(frozen=True)
class StackMutation:
    """One way to break several resources of a stack together. `change` takes all resources of the stack and yields
    changed copies of the list. Each copy contains one mistake.
    """

    policy: str
    of: Sequence[str]
    how: str
    change: Callable[[Sequence[Registered]], Iterator[Sequence[Registered]]]


@dataclass(frozen=True)
class Outcome:
    """The result of breaking one resource on purpose: the mutation, the resource, and the policies' findings about it.
    If there is no finding, the policies have missed the fault.
    """

    mutation: Mutation | StackMutation
    resource: str
    reported: Sequence[str]


def run(
    registered: Sequence[Registered],
    mutations: Iterable[Mutation | StackMutation],
    settings: Mapping[str, Mapping[str, Any]],
) -> Iterator[Outcome]:
    """Applies each mutation (a deliberate fault) to each resource that the mutation selects. Yields the policies'
    findings. Each mutation starts from the original stack.
    """
    whole = {each.urn: each for each in graph(registered)}
    for mutation in mutations:
        config = settings.get(mutation.policy, {})
        if isinstance(mutation, StackMutation):
            for number, stack in enumerate(mutation.change(registered), start=1):
                yield Outcome(mutation, f"the stack, {number}", findings(mutation.policy, graph(stack), config))
        else:
            for broken in registered:
                if _is_about(mutation, broken):
                    yield Outcome(mutation, broken.urn, _reported(mutation, broken, whole, config))


def unbroken(registered: Sequence[Registered], mutations: Iterable[Mutation | StackMutation]) -> set[tuple[str, str]]:
    """Returns the pairs of a policy and a resource type that no mutation (deliberate fault) tests. The pairs contain
    only resource types that the policy governs and that the stack uses.
    """
    has = {kind_of(each) for each in registered}
    broken = {
        (mutation.policy, kind_of(each)) for mutation in mutations for each in registered if _is_about(mutation, each)
    }
    return {(name, token) for name in NAMES for token in governs(name) if token in has} - broken


def ungoverned(registered: Iterable[Registered], mutations: Iterable[Mutation | StackMutation]) -> set[str]:
    """Returns the resource types in `registered` that no policy reads. A policy reads a resource either to check it, or
    to check another resource.
    """
    read = {token for name in NAMES for token in governs(name)} | {token for each in mutations for token in each.of}
    return {kind_of(each) for each in registered if not each.type.startswith("artifact-edge:")} - read


def _is_about(mutation: Mutation | StackMutation, resource: Registered) -> bool:
    return kind_of(resource) in mutation.of and (isinstance(mutation, StackMutation) or mutation.where(resource))


def kind_of(registered: Registered) -> str:
    return kind(_Typed(registered.type))


@dataclass(frozen=True)
class _Typed:
    resource_type: str


def _reported(
    mutation: Mutation, broken: Registered, whole: Mapping[str, PolicyResource], config: Mapping[str, Any]
) -> list[str]:
    changed = list(mutation.change(deepcopy(broken)))
    instead = graph(changed, whole)
    policy = next(policy for policy in POLICIES if policy.name == mutation.policy)
    if isinstance(policy, ResourceValidationPolicy):
        return findings(mutation.policy, instead, config)
    others = [each for urn, each in whole.items() if urn != broken.urn]
    return findings(mutation.policy, [*others, *instead], config)
