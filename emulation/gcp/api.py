"""Serves the REST API of the emulated Google Cloud: creates, gets, patches and deletes the resources of each
collection.

A request that is not emulated, or that contains a field which the emulation would ignore, gets status 501. The response
names the missing feature.
"""

from __future__ import annotations

import ipaddress
import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any, cast

from flask import Flask, Response, jsonify, request
from werkzeug.exceptions import HTTPException

from emulation.gcp import workload_identity
from emulation.gcp.catalog import COLLECTIONS, Collection, Json, Refused, Request, project_number
from emulation.gcp.cloud_run import catalog as services
from emulation.gcp.cloud_run import effects as run_effects
from emulation.gcp.cloud_run import pubsub
from emulation.gcp.effects import Effect, NoEffect
from emulation.gcp.load_balancing import catalog as load_balancers
from emulation.gcp.load_balancing import constraints, endpoints
from emulation.gcp.monitoring import Monitoring
from emulation.gcp.transfers import transfer_agent
from emulation.state_store import StateStore

# The path at which the emulated hypervisor reads all running Compute Engine instances of all projects.
INSTANCES_PATH = "/_artifact-edge/instances"

_KIND = "gcp"
_AS_ALWAYS = {"alt": "json", "projection": "noAcl"}
_REFERENCE = re.compile(r"projects/[^/]+/(?:global|regions/[^/]+)/(?:networks|subnetworks)/[^/\"]+")


def create_app(store: StateStore, machine_network: str, effects: Mapping[str, Effect] | None = None) -> Flask:
    """Returns the WSGI application of the emulated Google Cloud API. New public addresses come from the network
    `machine_network`. `effects` maps the path of an API collection to the side effects of creating, changing and
    deleting a resource in this collection.
    """
    app = Flask(__name__)
    known: Mapping[str, Effect] = {
        run_effects.PATH: run_effects.ServiceEffect(),
        **constraints.effects(store),
        **(effects or {}),
    }
    for collection in (*COLLECTIONS, *services.COLLECTIONS, *load_balancers.COLLECTIONS):
        _serve(app, collection, store, machine_network, known.get(collection.path, NoEffect()))
    run_effects.add_to(app, store)
    endpoints.add_to(app, store)
    pubsub.add_to(app, store)
    workload_identity.add_to(app, store)
    app.add_url_rule("/storage/v1/projects/<project>/serviceAccount", view_func=_storage_agent)
    app.add_url_rule("/storagetransfer/v1/googleServiceAccounts/<project>", view_func=_transfer_agent)
    aggregated = "/compute/v1/projects/<project>/aggregated/<any(addresses, instances):kind>"
    app.add_url_rule(aggregated, "aggregated", lambda project, kind: _aggregated(store, project, kind))  # pyright: ignore
    app.register_blueprint(Monitoring(store).blueprint())
    app.add_url_rule(INSTANCES_PATH, "instances", lambda: jsonify(_running_machines(store)))
    app.add_url_rule("/healthz", view_func=lambda: "ok\n")
    app.register_error_handler(Refused, _refusal)
    app.register_error_handler(HTTPException, _not_emulated)
    return app


def _serve(app: Flask, collection: Collection, store: StateStore, machine_network: str, effect: Effect) -> None:
    rule = "/" + re.sub(r"{(\w+)}", r"<\1>", collection.path)
    # Without this lock, simultaneous requests could get the same free address, or create the same resource twice.
    one_creation = threading.Lock()

    def create(**names: str) -> Response:
        given = {**_parameters(), **_body()}
        id, body = str(collection.identity(given) or ""), _checked_body(collection, collection.body(given))
        fits = collection.shortest <= len(id) <= collection.longest
        if not fits or not re.fullmatch(r"[a-z]([a-z0-9._-]*[a-z0-9])?", id):
            lengths = f"{collection.shortest} to {collection.longest}"
            raise Refused(400, f"Invalid value for name: {id!r} (small letters, digits and -, {lengths} characters)")
        scope = collection.path.format(**names)
        with one_creation:
            computed = collection.computed(Request(names, id, _free_addresses(store, machine_network)))
            id = str(computed.get(collection.computed_id, id))
            if store.get(_KIND, scope, id) is not None:
                raise Refused(409, f"The resource '{scope}/{id}' already exists")
            _expect_free_addresses(store, body)
            _expect_referenced(store, body)
            _expect_parent(store, collection, names)
            document = {**body, **computed, "selfLink": f"{scope}/{id}"}
            effect.create(document)
            store.put(_KIND, scope, id, document)
        return jsonify(document)

    def get(id: str, **names: str) -> Response:
        return jsonify(_existing(store, collection.path.format(**names), id))

    def every(**names: str) -> Response:
        scope = collection.path.format(**names)
        return jsonify({collection.listed: [_listed(each) for each in store.all(_KIND, scope)]})

    def patch(id: str, **names: str) -> Response:
        scope = collection.path.format(**names)
        known, given = _existing(store, scope, id), _body()
        fixed = sorted(name for name in given.keys() - collection.changeable if given[name] != known.get(name))
        if fixed:
            raise Refused(501, f"not emulated: a change of {', '.join(fixed)} of '{scope}/{id}'")
        document = {**known, **given}
        effect.update(known, document)
        store.put(_KIND, scope, id, document)
        return jsonify(document)

    def delete(id: str, **names: str) -> Response:
        scope = collection.path.format(**names)
        known = _existing(store, scope, id)
        if known.get("enableDropProtection"):
            raise Refused(400, f"'{scope}/{id}' has drop protection enabled")
        user = next(_references_to(store, f"{scope}/{id}"), None)
        if user is not None:
            raise Refused(400, f"The resource '{scope}/{id}' is already being used by '{user}'")
        effect.delete(known)
        store.remove(_KIND, scope, id)
        return jsonify({})

    name = collection.path
    for path, method, view in (
        (rule, "POST", create),
        (f"{rule}/<id>", "GET", get),
        (f"{rule}/<id>", "PATCH", patch),
        (f"{rule}/<id>", "DELETE", delete),
    ):
        app.add_url_rule(path, f"{method} {name}", cast(Callable[..., Response], view), methods=[method])
    if collection.listed:
        app.add_url_rule(rule, f"list {name}", cast(Callable[..., Response], every), methods=["GET"])


def _listed(document: Json) -> Json:
    """Returns a resource as a list response contains it. The field `name` in a list response is the full path of the
    resource, except for buckets (Spanner, Pub/Sub and Cloud Run REST references, `name`).
    """
    api, _, path = document["selfLink"].split("/", 2)
    return document if api == "storage" else {**document, "name": path}


def _aggregated(store: StateStore, project: str, kind: str) -> Response:
    """Returns the Compute Engine resources of one type, such as `addresses`, in all regions and zones of a project
    (Compute Engine API v1, `addresses.aggregatedList`).
    """
    parts: dict[str, dict[str, list[Json]]] = {}
    for document in store.all(_KIND):
        found = re.fullmatch(
            rf"compute/v1/projects/{project}/((?:regions|zones)/[^/]+|global)/{kind}/.+", document["selfLink"]
        )
        if found:
            parts.setdefault(found[1], {kind: []})[kind].append(document)
    return jsonify({"items": parts})


def _running_machines(store: StateStore) -> list[Json]:
    machines = (each for each in store.all(_KIND) if each["selfLink"].startswith("compute/v1/"))
    return [machine for machine in machines if machine.get("status") == "RUNNING"]


def _storage_agent(project: str) -> Response:
    """Returns the service account with which Cloud Storage acts in a project."""
    return jsonify({"email_address": f"service-{project_number(project)}@gs-project-accounts.iam.gserviceaccount.com"})


def _transfer_agent(project: str) -> Response:
    """Returns the service account with which Storage Transfer Service acts in a project."""
    agent = transfer_agent(project)
    return jsonify({"accountEmail": agent.email, "subjectId": agent.unique_id})


def _parameters() -> dict[str, str]:
    """Returns the query parameters that say which resource a request concerns. Leaves out `alt=json` and
    `projection=noAcl`. They change nothing, because the emulation always answers in JSON and without access control
    lists (Cloud Storage JSON API, "Standard query parameters"; `buckets.insert`, `projection`).
    """
    given = request.args.to_dict()
    return {name: value for name, value in given.items() if _AS_ALWAYS.get(name) != value}


def _body() -> Json:
    given: Any = request.get_json(force=True, silent=True)
    if not isinstance(given, dict):
        raise Refused(400, "Invalid JSON payload received")
    return cast(Json, given)


def _checked_body(collection: Collection, body: Json) -> Json:
    unknown = sorted(body.keys() - collection.fields)
    if unknown:
        raise Refused(501, f"not emulated: {', '.join(unknown)} of {collection.path}")
    missing = sorted(name for name in collection.required if body.get(name) is None)
    if missing:
        raise Refused(400, f"Required field {', '.join(repr(name) for name in missing)} not specified")
    return body


def _expect_free_addresses(store: StateStore, body: Json) -> None:
    """Refuses a new Compute Engine instance if another instance has the same external address, even if that instance is
    stopped (hashicorp/terraform, issue 3841).
    """
    held = {address for machine in store.all(_KIND) for address in _external_addresses(machine)}
    if held & set(_external_addresses(body)):
        raise Refused(400, "Specified IP address is already allocated to an instance.")


def _external_addresses(machine: Json) -> list[str]:
    interfaces: list[Json] = machine.get("networkInterfaces", [])
    return [access["natIP"] for interface in interfaces for access in interface.get("accessConfigs", [])]


def _existing(store: StateStore, scope: str, id: str) -> Json:
    known = store.get(_KIND, scope, id)
    if known is None:
        raise Refused(404, f"The resource '{scope}/{id}' was not found")
    return known


def _expect_referenced(store: StateStore, body: Json) -> None:
    for reference in _REFERENCE.findall(json.dumps(body)):
        scope, id = f"compute/v1/{reference}".rsplit("/", 1)
        _existing(store, scope, id)


def _expect_parent(store: StateStore, collection: Collection, names: Json) -> None:
    """Raises Refused unless the parent of a new resource exists: the Spanner instance of a database, or the key ring of
    a key. The function does not check other parents, because the emulation does not store projects, regions and zones.
    """
    if names.keys() & {"instance", "keyRing"}:
        parent = collection.path.format(**names).rsplit("/", 1)[0]
        _existing(store, *cast("tuple[str, str]", tuple(parent.rsplit("/", 1))))


def _free_addresses(store: StateStore, network: str) -> Iterator[str]:
    taken = {document.get("address") for document in store.all(_KIND)}
    return (str(host) for host in ipaddress.ip_network(network).hosts() if str(host) not in taken)


def _references_to(store: StateStore, link: str) -> Iterator[str]:
    """Yields the paths of the resources that depend on the resource at `link`: resources that refer to it, and
    resources below its path. The emulated Google Cloud does not delete a resource while other resources depend on it.
    """
    reference = link.removeprefix("compute/v1/")
    for document in store.all(_KIND):
        own: str = document["selfLink"]
        if own != link and (own.startswith(f"{link}/") or f'"{reference}"' in json.dumps(document)):
            yield own


def _refusal(error: Refused) -> tuple[Response, int]:
    return jsonify({"error": {"code": error.status, "message": str(error)}}), error.status


def _not_emulated(error: HTTPException) -> tuple[Response, int]:
    if error.code in (404, 405):
        return _refusal(Refused(501, f"not emulated: {request.method} {request.path}"))
    return _refusal(Refused(error.code or 500, error.description or "unknown error"))
