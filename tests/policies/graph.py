"""Converts the resources of a Pulumi program to the form in which the Pulumi engine passes them to stack policies. A
stack policy checks all resources of a stack together.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pulumi_policy import PolicyResource
from pulumi_policy.proxy import unknown_checking_proxy

from tests.policies.resources import as_sent, options
from tests.support.harness import Deployment, Registered


def as_policies_see_it(deployment: Deployment) -> list[PolicyResource]:
    """Returns a stack's resources and components in the form in which policies receive them. Each resource has its
    parent, and the dependencies of each property.
    """
    return graph(deployment.resources)


def graph(registered: Iterable[Registered], around: Mapping[str, PolicyResource] | None = None) -> list[PolicyResource]:
    """Converts the Pulumi resources `registered` to the form in which policies receive them. The result refers to
    parents and dependencies as resources, not as URNs.

    `around` maps URNs to further resources that parents and dependencies may refer to. Dependencies on unknown URNs are
    left out.
    """
    listed = list(registered)
    made = {each.urn: _seen(each) for each in listed}
    seen = {**(around or {}), **made}
    for each in listed:
        resource = made[each.urn]
        resource.parent = seen.get(each.parent)
        for name, urns in each.dependencies.items():
            resource.property_dependencies[name] = [seen[urn] for urn in urns if urn in seen]
        needed = {urn: seen[urn] for urns in each.dependencies.values() for urn in urns if urn in seen}
        resource.dependencies += needed.values()
    return list(made.values())


def _seen(each: Registered) -> PolicyResource:
    props = unknown_checking_proxy(as_sent({**each.outputs, **each.inputs}))
    return PolicyResource(each.type, props, each.urn, each.name, options(each.protect), None, None, [], {})
