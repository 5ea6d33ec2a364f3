"""Serves the Cloudflare API for the versions of worker scripts, and for the deployments that say which versions answer
requests.

Sources: developers.cloudflare.com/workers/versions-and-deployments ("Deployment management", "Gradual deployments",
"Rollbacks") and the API reference, "Workers", "Scripts", "Versions" and "Deployments". The formats of lists are the
formats that Cloudflare's own client reads (cloudflare/workers-sdk, packages/wrangler/src/versions/api.ts).
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from flask import Blueprint, Response, request

from emulation.cloudflare.deployment import versions_of
from emulation.cloudflare.envelope import ApiError, Json, body, now, success, take
from emulation.cloudflare.existing import existing
from emulation.state_store import StateStore

# Only a version that is among this number of a script's newest versions can be deployed ("Deployment management",
# "Deployments limit").
DEPLOYABLE = 100
# The limits of a deployment: the number of versions, and the percentage of requests for one version (API reference,
# "Create Deployment").
_MOST_VERSIONS = 2
_LEAST_PERCENT, _ALL = 0.01, 100
_LONGEST_MESSAGE = 1000
# Error codes with which the API refuses a deployment. _CHANGED_SECRET means that the new deployment would change a
# secret (cloudflare/workers-sdk, packages/wrangler/src/versions/api.ts). The emulation uses _INVALID for all other
# refusals, because Cloudflare documents no codes for them.
_CHANGED_SECRET, _INVALID = 10220, 10001


def blueprint(
    store: StateStore, checked: Callable[[str, str], Json], converge: Callable[[], None], shown: Callable[[Json], Json]
) -> Blueprint:
    """Returns the API endpoints for the versions and deployments of worker scripts.

    The function `checked` reads and checks the script that a request uploads. The function `shown` returns a binding
    without the values that the API keeps secret.
    """
    versions = Blueprint("versions", __name__, url_prefix="/accounts/<account>/workers/scripts/<name>")

    @versions.post("/versions")
    def upload(account: str, name: str) -> Response:
        _known(store, account, name)
        version = add(store, account, checked(account, name))
        return success(_detail(version, shown))

    @versions.get("/versions")
    def list_versions(account: str, name: str) -> Response:
        _known(store, account, name)
        unknown = set(request.args) - {"deployable"}
        if unknown:
            raise ApiError(501, 10405, f"not emulated: a list of versions with {', '.join(sorted(unknown))}")
        newest = store.all("version", versions_of(account, name))[::-1]
        return success({"items": [_short(version) for version in newest[:DEPLOYABLE]]})

    @versions.get("/versions/<id>")
    def get_version(account: str, name: str, id: str) -> Response:
        return success(_detail(version_of(store, account, name, id), shown))

    @versions.get("/deployments")
    def list_deployments(account: str, name: str) -> Response:
        _known(store, account, name)
        return success({"deployments": store.all("deployment", versions_of(account, name))[::-1]})

    @versions.post("/deployments")
    def create_deployment(account: str, name: str) -> Response:
        _known(store, account, name)
        given = take(body(), required=["strategy", "versions"], optional=["annotations"])
        parts = _parts(store, account, name, given)
        if request.args.get("force") != "true":
            _refuse_changed_secrets(store, account, name, parts)
        created = deploy(store, account, name, parts, _message(given))
        converge()
        return success(created)

    return versions


def add(store: StateStore, account: str, script: Json) -> Json:
    """Stores an uploaded script as the newest version of the script, and returns the version."""
    scope = versions_of(account, script["id"])
    version: Json = {**script, "number": len(store.all("version", scope)) + 1}
    store.put("version", scope, version["version"], version)
    return version


def deploy(store: StateStore, account: str, name: str, parts: Sequence[Json], message: str | None = None) -> Json:
    """Creates a deployment of a script, in which each given version answers its percentage of the requests. Returns the
    deployment.
    """
    scope = versions_of(account, name)
    id = str(uuid.uuid4())
    created: Json = {
        "id": id,
        "created_on": now(),
        "source": "api",
        "strategy": "percentage",
        "versions": [{"version_id": part["version_id"], "percentage": part["percentage"]} for part in parts],
        "annotations": {
            **({} if message is None else {"workers/message": message}),
            "workers/triggered_by": "deployment" if message is not None else "upload",
        },
        "author_email": "operator@artifact-edge.test",
    }
    store.put("deployment", scope, id, created)
    # The emulated API returns the settings and content of the version with the most requests. Cloudflare does not
    # document which version its API uses.
    largest = max(parts, key=lambda part: part["percentage"])
    version = version_of(store, account, name, largest["version_id"])
    store.put("script", account, name, {**version, "account": account, "deployed": created["versions"]})
    return created


def remove(store: StateStore, account: str, name: str) -> None:
    """Removes all versions and deployments of a worker script."""
    store.remove_scope(versions_of(account, name))


def new_version_id() -> str:
    return str(uuid.uuid4())


def version_of(store: StateStore, account: str, name: str, id: str) -> Json:
    """Returns a version of a worker script. Raises ApiError if the script has no such version."""
    return existing(store, "version", versions_of(account, name), id, 10007, f"{name} has no version {id}")


def latest(store: StateStore, account: str, name: str) -> Json:
    """Returns the newest version of a worker script, by the order of the uploads."""
    return store.all("version", versions_of(account, name))[-1]


def _known(store: StateStore, account: str, name: str) -> Json:
    """Returns a worker script. Raises ApiError for a script that was never deployed. A script's first version is always
    uploaded and deployed in one request ("Deployment management", "First upload").
    """
    return existing(store, "script", account, name, 10007, f"This Worker does not exist on your account: {name}")


def _parts(store: StateStore, account: str, name: str, given: Json) -> list[Json]:
    """Returns the versions and percentages of a deployment. Raises ApiError if the deployment is invalid."""
    if given["strategy"] != "percentage":
        raise ApiError(400, _INVALID, f"strategy {given['strategy']!r}: only percentage exists")
    parts = [take(part, required=["version_id", "percentage"]) for part in given["versions"]]
    if not 1 <= len({part["version_id"] for part in parts}) == len(parts) <= _MOST_VERSIONS:
        raise ApiError(400, _INVALID, f"a deployment has one or two different versions, not {len(parts)}")
    for part in parts:
        share = part["percentage"]
        if isinstance(share, bool) or not isinstance(share, int | float) or not _LEAST_PERCENT <= share <= _ALL:
            raise ApiError(400, _INVALID, f"percentage {share!r}: a number from {_LEAST_PERCENT} to {_ALL}")
    if abs(sum(part["percentage"] for part in parts) - _ALL) > 1e-9:
        raise ApiError(400, _INVALID, "the percentages of a deployment must total 100")
    deployable = [version["version"] for version in store.all("version", versions_of(account, name))[-DEPLOYABLE:]]
    for part in parts:
        version_of(store, account, name, part["version_id"])
        if part["version_id"] not in deployable:
            raise ApiError(400, _INVALID, f"{part['version_id']} is none of the {DEPLOYABLE} newest versions")
    return parts


def _refuse_changed_secrets(store: StateStore, account: str, name: str, parts: Sequence[Json]) -> None:
    """Raises ApiError if a secret in the new deployment has another value than in a version that answers requests now
    (API reference, "Create Deployment", `force`).
    """
    serving = [part["version_id"] for part in _known(store, account, name)["deployed"]]
    current = [_secrets(version_of(store, account, name, id)) for id in serving]
    for part in parts:
        wanted = _secrets(version_of(store, account, name, part["version_id"]))
        changed = {key for before in current for key in before.keys() & wanted.keys() if before[key] != wanted[key]}
        if changed:
            raise ApiError(400, _CHANGED_SECRET, f"The following secrets have changed: {', '.join(sorted(changed))}")


def _secrets(version: Json) -> Mapping[str, str]:
    return {each["name"]: each["text"] for each in version["bindings"] if each["type"] == "secret_text"}


def _message(given: Json) -> str | None:
    annotations: Any = take(given.get("annotations") or {}, optional=["workers/message"])
    message: str | None = annotations.get("workers/message")
    return message and message.encode()[:_LONGEST_MESSAGE].decode(errors="ignore")


def _short(version: Json) -> Json:
    created = version["uploaded_on"]
    return {
        "id": version["version"],
        "number": version["number"],
        "metadata": {"created_on": created, "modified_on": created, "source": "api", "hasPreview": False},
        "annotations": version["annotations"] or {},
    }


def _detail(version: Json, shown: Callable[[Json], Json]) -> Json:
    resources: Json = {
        "bindings": [shown(binding) for binding in version["bindings"]],
        "script": {"etag": version["etag"], "handlers": ["fetch"], "last_deployed_from": "api"},
        "script_runtime": {
            "compatibility_date": version["compatibility_date"],
            "compatibility_flags": version["compatibility_flags"],
            "exports": version["exports"] or {},
            "usage_model": "standard",
        },
    }
    return {**_short(version), "resources": resources, "startup_time_ms": 0}
