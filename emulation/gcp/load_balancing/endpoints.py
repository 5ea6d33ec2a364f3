"""Serves the methods of network endpoint groups that attach, detach and list endpoints (Compute Engine API v1,
`networkEndpointGroups`).
"""

from __future__ import annotations

from typing import Any, cast

from flask import Flask, Response, jsonify, request

from emulation.gcp.catalog import Json, Refused
from emulation.gcp.load_balancing.constraints import Known, expect_endpoint
from emulation.state_store import StateStore

_KIND = "gcp"
_SCOPE = "compute/v1/projects/{project}/zones/{zone}/networkEndpointGroups"


def add_to(app: Flask, store: StateStore) -> None:
    """Adds the methods to the emulated API."""
    known = Known(store)

    def group_of(project: str, zone: str, name: str) -> tuple[str, Json]:
        scope = _SCOPE.format(project=project, zone=zone)
        found = store.get(_KIND, scope, name)
        if found is None:
            raise Refused(404, f"The resource '{scope}/{name}' was not found")
        # Compute Engine removes the endpoints of an instance that is deleted. They do not return with a new instance of
        # the same name.
        ids = instance_ids(project, zone).values()
        kept = [each for each in found["endpoints"] if each["instanceId"] in ids]
        return scope, {**found, "endpoints": kept}

    def instance_ids(project: str, zone: str) -> dict[str, str]:
        instances = store.all(_KIND, f"compute/v1/projects/{project}/zones/{zone}/instances")
        return {each["name"]: each["id"] for each in instances}

    def attach(project: str, zone: str, name: str) -> Response:
        scope, group = group_of(project, zone, name)
        ids = instance_ids(project, zone)
        for endpoint in _endpoints():
            expect_endpoint(known, zone, group, endpoint)
            kept = {"endpoint": endpoint, "instanceId": ids[endpoint["instance"]]}
            if kept not in group["endpoints"]:
                group["endpoints"].append(kept)
        store.put(_KIND, scope, name, group)
        return jsonify({})

    def detach(project: str, zone: str, name: str) -> Response:
        scope, group = group_of(project, zone, name)
        gone = _endpoints()
        kept = [each for each in group["endpoints"] if each["endpoint"] not in gone]
        store.put(_KIND, scope, name, {**group, "endpoints": kept})
        return jsonify({})

    def every(project: str, zone: str, name: str) -> Response:
        _, group = group_of(project, zone, name)
        return jsonify({"items": [{"networkEndpoint": each["endpoint"]} for each in group["endpoints"]]})

    rule = "/compute/v1/projects/<project>/zones/<zone>/networkEndpointGroups/<name>"
    for method, view in (("attach", attach), ("detach", detach), ("list", every)):
        path = f"{rule}/{method}NetworkEndpoints"
        app.add_url_rule(path, path, cast("Any", view), methods=["POST"])


def _endpoints() -> list[Json]:
    body: Any = request.get_json(force=True, silent=True) or {}
    return cast("list[Json]", body.get("networkEndpoints", []))
