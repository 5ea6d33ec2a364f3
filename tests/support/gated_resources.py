"""The resources of a deployed stack in the form that the plan gate uses."""

from __future__ import annotations

from gates import plan
from tests.support.harness import Deployment


def resources_of_gates(of: Deployment) -> list[plan.Resource]:
    """Returns the resources of a stack in the form that the plan gate uses. The plan gate checks a Pulumi plan before
    `pulumi up`, and normally reads the resources from this plan.
    """
    return [
        plan.Resource(
            each.urn,
            each.type,
            each.name,
            each.inputs,
            each.outputs,
            {name: tuple(urns) for name, urns in each.dependencies.items()},
            parent=each.parent,
        )
        for each in of.resources
    ]
