"""Refuses Cloud Run services that the emulation cannot run. A service must have one container, and the container must
run source code on one of Google's base images for Python.
"""

from __future__ import annotations

import re
from typing import cast

from flask import Flask, Response, jsonify

from emulation.gcp.catalog import Json, Refused, Request, project_number
from emulation.state_store import StateStore

PATH = "run/v2/projects/{project}/locations/{location}/services"
# The URL path at which the emulated Cloud Run runtime reads all deployed services.
SERVICES_PATH = "/_artifact-edge/services"

_BASE = re.compile(r"[a-z0-9-]+-docker\.pkg\.dev/serverless-runtimes/google-2\d-full/runtimes/python3\d\d")


def computed_fields(request: Request) -> Json:
    """Returns the fields that Cloud Run sets in a new service: a URL and an empty IAM policy. The URL contains the
    service's name, the project's number and the location.
    """
    uri = f"https://{request.id}-{project_number(request.names['project'])}.{request.names['location']}.run.app"
    return {"uri": uri, "iam": {"bindings": []}}


class ServiceEffect:
    """Checks requests that create or change a service of the emulated Cloud Run. Raises Refused if the emulation cannot
    run the service.
    """

    def create(self, document: Json) -> None:
        containers = cast(list[Json], document["template"].get("containers", []))
        if len(containers) != 1:
            raise Refused(501, "not emulated: a service with several containers")
        (container,) = containers
        if container.get("image") != "scratch" or "sourceCode" not in container:
            raise Refused(501, f"not emulated: the image {container.get('image')}; only sources are run, on `scratch`")
        if not _BASE.fullmatch(container.get("baseImageUri", "")):
            raise Refused(501, f"not emulated: the base image {container.get('baseImageUri')}; use Google's for Python")
        if container.get("command") != ["python3"]:
            raise Refused(501, f"not emulated: the command {container.get('command')}; use python3")

    def update(self, old: Json, new: Json) -> None:
        self.create(new)

    def delete(self, document: Json) -> None:
        pass


def add_to(app: Flask, store: StateStore) -> None:
    def services() -> Response:
        return jsonify([document for document in store.all("gcp") if document["selfLink"].startswith("run/v2/")])

    app.add_url_rule(SERVICES_PATH, "services", services)
