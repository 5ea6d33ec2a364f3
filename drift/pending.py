"""Adds to a Pulumi state the resources that a killed Pulumi engine created in a cloud but did not record.

Before the engine creates, updates or deletes a resource, it writes a pending operation to the state. After the
operation, the engine removes the pending operation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from drift.identifiers import WITHOUT_TRACE, Inputs, has_identifier, identifier

Json = dict[str, Any]
# A function that searches a cloud for resources of a given type with given inputs. It returns an iterator of the IDs of
# the resources that exist, or None if it cannot search for this type.
Search = Callable[[str, Inputs], Iterable[str] | None]


def adopt(deployment: Json, search: Search) -> list[str]:
    """Removes the pending operations from a Pulumi state. Adds a resource for each creation that may have succeeded.

    If the ID of a resource depends only on its inputs, the resource is added without a search. `pulumi refresh` then
    removes the resource if it does not exist. For other resources, `search` returns the IDs of matching resources in
    the cloud. If `search` does not support the resource's type, the creation stays pending, and the function returns
    the resource's URN. If an update or a deletion was pending, the function only removes the pending operation. `pulumi
    refresh` then corrects the state.
    """
    resources: list[Json] = deployment.setdefault("resources", [])
    known = {_key(each, each.get("id", "")) for each in resources}
    left: list[Json] = []
    for operation in deployment.get("pending_operations", []):
        resource: Json = operation["resource"]
        created = operation["type"] == "creating" and resource.get("custom")
        if not created or resource["type"].startswith(WITHOUT_TRACE):
            continue
        ids = _candidates(resource["type"], resource.get("inputs", {}), search)
        if ids is None:
            left.append(operation)
            continue
        id = next((each for each in ids if _key(resource, each) not in known), None)
        if id is not None:
            known.add(_key(resource, id))
            _supersede(resources, resource["urn"])
            resources.append({**resource, "id": id, "outputs": _outputs(resource, id)})
    deployment["pending_operations"] = left
    return [each["resource"]["urn"] for each in left]


def _candidates(type_token: str, inputs: Inputs, search: Search) -> Iterable[str] | None:
    id = identifier(type_token, inputs)
    return search(type_token, inputs) if id is None else [id]


def _key(resource: Json, id: str) -> tuple[str, str]:
    """Returns a key that identifies a resource in the Pulumi state.

    If the cloud chooses the resource's ID, the key consists of the resource type and `id`. If the ID depends only on
    the resource's inputs, two resources of the same type can have the same ID, such as log groups in two regions. The
    key then consists of the URN and `id`.
    """
    return (resource["urn"] if has_identifier(resource["type"]) else resource["type"], id)


def _outputs(resource: Json, id: str) -> Json:
    """Returns the outputs of a resource that is added to the Pulumi state. The outputs are a copy of the resource's
    inputs, and `pulumi refresh` later adds the other outputs. A resource of Cloud Monitoring also gets the output
    `name`, because Pulumi's provider reads the resource by this output.
    """
    outputs: Json = resource.get("inputs", {})
    return {**outputs, "name": id} if resource["type"].startswith("gcp:monitoring/") else outputs


def _supersede(resources: list[Json], urn: str) -> None:
    """Marks the resources with this URN in the Pulumi state for deletion, because a killed `pulumi up` has replaced
    them. The caller adds the replacement to the state.
    """
    for each in resources:
        if each["urn"] == urn:
            each["delete"] = True
