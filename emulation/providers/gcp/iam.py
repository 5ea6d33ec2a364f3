"""Grants IAM roles on Google Cloud resources to single members, for the emulated Google Cloud provider. Each change
reads and writes the resource's whole IAM policy.
"""

from __future__ import annotations

import threading
from typing import cast

import pulumi

from emulation.providers.gcp.rest import Clients, call
from emulation.providers.handler import CloudError, Created, Properties

# The Pulumi engine creates resources in parallel. Without this lock, two grants on one resource can read the same
# policy, and the second write removes the grant of the first. Pulumi's real provider uses one lock for each resource.
_CHANGING = threading.Lock()


class IamMember:
    """Creates, reads and deletes Pulumi resources, each of which grants an IAM role on a Google Cloud resource to one
    member. `owner` is the name of the Pulumi input that identifies the Google Cloud resource, such as `bucket`. `root`
    is the start of the resource's path in the API. `prefix` is the start of the grant's Pulumi id.
    """

    def __init__(
        self, resource: type[pulumi.CustomResource], clients: Clients, owner: str, root: str, prefix: str = ""
    ) -> None:
        self.resource = resource
        self.replace_on = frozenset({owner, "role", "member", "condition"})
        self._clients, self._owner, self._root, self._prefix = clients, owner, root, prefix

    def create(self, inputs: Properties) -> Created:
        if inputs.get("condition") is not None:
            raise CloudError("not emulated: a condition of an IAM member")
        with _CHANGING:
            members = self._members(inputs)
            if members is None:
                raise CloudError(f"{self._owner} {inputs[self._owner]} does not exist")
            self._write(inputs, [*members, inputs["member"]])
        return Created(f"{self._prefix}{self._resource_path(inputs)}/{inputs['role']}/{inputs['member']}", inputs)

    def read(self, id: str, state: Properties) -> Properties | None:
        return state if state["member"] in (self._members(state) or []) else None

    def update(self, id: str, old: Properties, new: Properties) -> Properties:
        raise CloudError("an IAM member is replaced, never changed")

    def delete(self, id: str, state: Properties) -> None:
        with _CHANGING:
            members = self._members(state)
            if members is not None:
                self._write(state, [member for member in members if member != state["member"]])

    def _resource_path(self, inputs: Properties) -> str:
        """Returns the path of the resource on which a member gets an IAM role, relative to the API's base path."""
        return inputs[self._owner]

    def _members(self, inputs: Properties) -> list[str] | None:
        """Returns the members that have an IAM role on a resource, or None if the resource does not exist."""
        found = call(self._clients(), "GET", self._root + self._resource_path(inputs))
        if found is None:
            return None
        return [
            member
            for binding in found["iam"]["bindings"]
            if binding["role"] == inputs["role"]
            for member in binding["members"]
        ]

    def _write(self, inputs: Properties, members: list[str]) -> None:
        path = self._root + self._resource_path(inputs)
        found = cast(Properties, call(self._clients(), "GET", path))
        others = [binding for binding in found["iam"]["bindings"] if binding["role"] != inputs["role"]]
        mine = [{"role": inputs["role"], "members": sorted(set(members))}] if members else []
        call(self._clients(), "PATCH", path, {"iam": {"bindings": [*others, *mine]}})
