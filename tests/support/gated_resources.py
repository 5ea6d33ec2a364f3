"""The resources of a deployed stack in the form that the plan gate uses, and the plan gate's findings about losses."""

from __future__ import annotations

from collections.abc import Iterable

from gates import plan
from gates.resilience import Statements, Survived, prove
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


def counterexamples(of: Deployment, lost: Iterable[list[str]]) -> list[str]:
    """Returns the plan gate's reasons why clients of a stack cannot read packages after a loss. `lost` contains sets of
    losses that occur at the same time, such as the losses of two regions. Each reason begins with its set of losses.
    """
    findings = prove(resources_of_gates(of), Statements(survives=[Survived(all=each) for each in lost])).findings
    return [each for each in findings if ": nothing is said of it" not in each]
