"""Finds related resources of a stack, such as the settings of a bucket or the resources of a tier (a part of the
network).
"""

from __future__ import annotations

from collections.abc import Collection

from pulumi_policy import PolicyResource, ResourceValidationArgs, StackValidationArgs
from pulumi_policy.proxy import UnknownValueError

from policies.framework.declare import known, texts
from policies.framework.kinds import all_of


def stack_name(urn: str) -> str:
    """Returns the name of the stack that contains the resource with this URN. The stack has the name of its
    environment, such as `prod`.
    """
    return urn.removeprefix("urn:pulumi:").split("::")[0]


def of_tier(resource: PolicyResource | ResourceValidationArgs, tier: str) -> bool:
    """Returns whether a resource or one of its ancestors is a component of the tier `tier`. An example of a tier is
    `shield`. The URN of a resource contains the resource's type and the types of all ancestors.
    """
    return f"artifact-edge:{tier}:" in resource.urn


def refers_to(resource: PolicyResource, name: str, target: PolicyResource, keys: Collection[str] = ("id",)) -> bool:
    """Returns whether a property of a resource refers to the target resource. `name` is the name of the property. If
    the property is a list, one element of the list must refer to the target.

    Before `pulumi up` the target may not have a name yet. The function therefore first checks the property's
    dependencies. It then compares the property with some properties of the target, such as the target's id. `keys`
    lists these properties.
    """
    if any(dependency.urn == target.urn for dependency in resource.property_dependencies.get(name, [])):
        return True
    names = {known(target.props, key) for key in keys} - {None, ""}
    return bool(names & set(_known_texts(resource, name)))


def is_set(resource: PolicyResource | ResourceValidationArgs, name: str) -> bool:
    """Returns whether the Pulumi program set a resource's property, even if the value is not known yet.

    Before `pulumi up`, stack policies also see properties that the provider may fill in. If only the provider fills in
    a property, the property is unknown and has no dependencies. Such a property does not count as set.
    """
    try:
        return bool(resource.props.get(name))
    except UnknownValueError:
        return isinstance(resource, ResourceValidationArgs) or bool(resource.property_dependencies.get(name))


def settings_of(
    target: PolicyResource, token: str, stack: StackValidationArgs, name: str, keys: Collection[str]
) -> list[PolicyResource]:
    """Returns the resources of one Pulumi type that refer to the target resource, such as the separate settings of a
    bucket. `token` is the type token of these resources. The property `name` of these resources contains the reference
    to the target.
    """
    return [each for each in all_of(stack, {token}) if refers_to(each, name, target, keys)]


def _known_texts(resource: PolicyResource, name: str) -> list[str]:
    try:
        value = resource.props.get(name)
    except UnknownValueError:
        return []
    return [] if isinstance(value, int | float) else texts(value)
