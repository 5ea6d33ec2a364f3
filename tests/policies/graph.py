"""A program's resources as the engine shows them to policies once everything is there."""

from __future__ import annotations

from collections.abc import Iterable

from pulumi_policy import PolicyResource
from pulumi_policy.proxy import unknown_checking_proxy

from tests.policies.resources import as_sent, options
from tests.unit.harness import Deployment, Registered


def as_policies_see_it(deployment: Deployment) -> list[PolicyResource]:
    """All resources, components included, with their parents and with what each property depends on."""
    return graph(deployment.resources)


def graph(registered: Iterable[Registered]) -> list[PolicyResource]:
    """The resources joined to each other by URN; what a property names that is not among them is left out."""
    listed = list(registered)
    seen = {each.urn: _seen(each) for each in listed}
    for each in listed:
        resource = seen[each.urn]
        resource.parent = seen.get(each.parent)
        for name, urns in each.dependencies.items():
            resource.property_dependencies[name] = [seen[urn] for urn in urns if urn in seen]
        needed = {urn: seen[urn] for urns in each.dependencies.values() for urn in urns if urn in seen}
        resource.dependencies += needed.values()
    return list(seen.values())


def _seen(each: Registered) -> PolicyResource:
    props = unknown_checking_proxy(as_sent({**each.outputs, **each.inputs}))
    return PolicyResource(each.type, props, each.urn, each.name, options(each.protect), None, None, [], {})
