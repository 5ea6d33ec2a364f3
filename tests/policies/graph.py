"""Turns a Pulumi program's resources into the form in which the engine passes them to the policies that check all
resources of a stack together (Pulumi's stack policies).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pulumi_policy import PolicyResource
from pulumi_policy.proxy import unknown_checking_proxy

from tests.policies.resources import as_sent, options
from tests.support.harness import Deployment, Registered


def as_policies_see_it(deployment: Deployment) -> list[PolicyResource]:
    """Returns a stack's resources and components as policies receive them, with parents and the dependencies of each
    property.
    """
    return graph(deployment.resources)


def graph(registered: Iterable[Registered], around: Mapping[str, PolicyResource] | None = None) -> list[PolicyResource]:
    """Returns the Pulumi resources `registered` in the form in which policies receive them. Parents and dependencies
    become resources instead of URNs. `around` maps URNs to resources outside `registered`. Dependencies on unknown URNs
    are left out.
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
