"""Reads the resources of a stack from the output of `pulumi stack export`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from drift import DriftError


@dataclass(frozen=True)
class Resource:
    """A resource that the state knows. `id` is the cloud's id, and `outputs` are the resource's properties."""

    urn: str
    type: str
    id: str
    outputs: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @property
    def arn(self) -> str:
        """The Amazon Resource Name, or empty for a resource that has none in the state."""
        arn = self.outputs.get("arn")
        return arn if isinstance(arn, str) else ""


@dataclass(frozen=True)
class State:
    """The resources of one stack. `project` and `environment` are the values of the tags of each resource."""

    project: str
    environment: str
    resources: Sequence[Resource]

    @property
    def prefix(self) -> str:
        """The prefix of the names of the stack's resources on all clouds."""
        return f"{self.project}-{self.environment}"

    def of_type(self, type_token: str) -> list[Resource]:
        return [resource for resource in self.resources if resource.type == type_token]


def read(export: Any) -> State:
    """Returns the state in an export. Raises DriftError if the document is no export or its stack has no resources."""
    deployment: Any = cast(Any, export).get("deployment") if isinstance(export, Mapping) else None
    found: Any = cast(Any, deployment).get("resources") if isinstance(deployment, Mapping) else None
    if not found:
        raise DriftError("the file has no resources; write it with: pulumi stack export --stack <stack>")
    environment, project = found[0]["urn"].split("::")[0].removeprefix("urn:pulumi:"), found[0]["urn"].split("::")[1]
    resources = [
        Resource(each["urn"], each["type"], each["id"], each.get("outputs", {}))
        for each in found
        # A resource that is read and not created belongs to someone else.
        if each.get("custom") and each.get("id") and not each.get("external")
    ]
    return State(project, environment, resources)
