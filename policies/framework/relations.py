"""How resources of a stack belong to each other."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from pulumi_policy import PolicyResource, ResourceValidationArgs, StackValidationArgs
from pulumi_policy.proxy import UnknownValueError

from policies.framework.declare import kind, known, texts


def all_of(stack: StackValidationArgs, kinds: Collection[str]) -> Iterator[PolicyResource]:
    """The stack's resources of some types."""
    return (each for each in stack.resources if kind(each) in kinds)


def of_tier(resource: PolicyResource | ResourceValidationArgs, tier: str) -> bool:
    """Whether the resource is part of a component of the tier: the URN names the types of all parents."""
    return f"artifact-edge:{tier}:" in resource.urn


def refers_to(resource: PolicyResource, name: str, target: PolicyResource, keys: Collection[str] = ("id",)) -> bool:
    """Whether a property of the resource names the target, or one of several.

    Before `up` the target may have no name yet; so what the property was made from counts, else `keys` of the target.
    """
    if any(dependency.urn == target.urn for dependency in resource.property_dependencies.get(name, [])):
        return True
    names = {known(target.props, key) for key in keys} - {None, ""}
    return bool(names & set(_known_texts(resource, name)))


def is_set(resource: PolicyResource | ResourceValidationArgs, name: str) -> bool:
    """Whether the program gave the property a value, be it known or not.

    Before `up`, stack policies see what a provider may still fill in, too: unknown, and made from nothing.
    """
    try:
        return bool(resource.props.get(name))
    except UnknownValueError:
        return isinstance(resource, ResourceValidationArgs) or bool(resource.property_dependencies.get(name))


def settings_of(
    target: PolicyResource, token: str, stack: StackValidationArgs, name: str, keys: Collection[str]
) -> list[PolicyResource]:
    """The resources of one type that name the target: its settings, where each is a resource of its own."""
    return [each for each in all_of(stack, {token}) if refers_to(each, name, target, keys)]


def _known_texts(resource: PolicyResource, name: str) -> list[str]:
    try:
        return texts(resource.props.get(name))
    except UnknownValueError:
        return []
