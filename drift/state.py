"""Reads the resources of a stack from the output of `pulumi stack export`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from drift import DriftError


@dataclass(frozen=True)
class Resource:
    """A resource in the Pulumi state. `id` is the ID that the cloud gave it, and `outputs` are its properties."""

    urn: str
    type: str
    id: str
    outputs: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @property
    def arn(self) -> str:
        """The Amazon Resource Name, or an empty string if the state has no ARN for the resource."""
        arn = self.outputs.get("arn")
        return arn if isinstance(arn, str) else ""


@dataclass(frozen=True)
class State:
    """The resources in one stack's Pulumi state.

    Every resource of the stack has the tags `project` and `environment`. The fields `project` and `environment` of this
    class are the values of these tags.
    """

    project: str
    environment: str
    resources: Sequence[Resource]

    @property
    def prefix(self) -> str:
        """The prefix of the names of the stack's resources on all clouds."""
        return f"{self.project}-{self.environment}"

    def of_type(self, type_token: str) -> list[Resource]:
        return [resource for resource in self.resources if resource.type == type_token]


def tag_of(project: str) -> str:
    """Returns the value of the tag `project` on the resources of a Pulumi project.

    The programs in `bootstrap/` and in the main directory belong to different Pulumi projects, but the tag has the same
    value on the resources of both.
    """
    return project.removesuffix("-bootstrap")


def read(export: Any) -> State:
    """Returns the state in the output of `pulumi stack export`.

    Raises DriftError if the document is not such an output or contains no resources.
    """
    deployment: Any = cast(Any, export).get("deployment") if isinstance(export, Mapping) else None
    found: Any = cast(Any, deployment).get("resources") if isinstance(deployment, Mapping) else None
    if not found:
        raise DriftError("the file has no resources; write it with: pulumi stack export --stack <stack>")
    environment, project = found[0]["urn"].split("::")[0].removeprefix("urn:pulumi:"), found[0]["urn"].split("::")[1]
    resources = [
        Resource(each["urn"], each["type"], each["id"], each.get("outputs", {}))
        for each in found
        # A resource that is marked as external belongs to another owner and does not have the stack's tags. The stack
        # only reads such a resource.
        if each.get("custom") and each.get("id") and not each.get("external")
    ]
    return State(tag_of(project), environment, resources)
