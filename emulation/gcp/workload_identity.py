"""Emulates Google Cloud's workload identity pools and their providers, which trust the tokens of other systems.

Sources: IAM API v1, "projects.locations.workloadIdentityPools" and its "providers". A deleted pool or provider is kept
for 30 days. During this time, clients can list, read and restore it, but cannot change it or reuse its ID. A provider
can contain expressions in the Common Expression Language, which Google's own implementation compiles. Requests for
tokens are not emulated.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from cel_expr_python import cel  # pyright: ignore[reportMissingTypeStubs]
from flask import Flask, Response, jsonify, request

from emulation.gcp.catalog import Json, Refused, project_number
from emulation.state_store import StateStore

POOLS = "iam/v1/projects/{project}/locations/{location}/workloadIdentityPools"
KEPT_FOR = timedelta(days=30)
MOST_CONDITION_CHARACTERS = 4096
_MOST_MAPPING_CHARACTERS = 2048
_MOST_CUSTOM_ATTRIBUTES = 50
_MOST_AUDIENCES, _MOST_AUDIENCE_CHARACTERS = 10, 256
# Maps each text field of a workload identity pool or provider to its maximum number of characters.
_TEXTS = {"displayName": 32, "description": 256}
_ID = re.compile(r"(?!gcp-)[a-z0-9-]{4,32}")
_CUSTOM = re.compile(r"attribute\.[a-z0-9_]{1,100}")
_KIND = "gcp"


@dataclass(frozen=True)
class _Collection:
    """A collection of resources in the API: the workload identity pools, or the token providers of one pool. `path` is
    the collection's URL path, with placeholders for the names of parent resources. `id_parameter` is the query
    parameter that contains the ID of a new resource. `check` is a function that refuses the JSON document of a resource
    if Google Cloud would refuse it.
    """

    path: str
    id_parameter: str
    fields: frozenset[str]
    check: Callable[[Json], None]


def add_to(app: Flask, store: StateStore, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
    """Adds the operations on workload identity pools and their providers to an emulated Google Cloud API."""
    for collection in (
        _Collection(POOLS, "workloadIdentityPoolId", frozenset({*_TEXTS, "disabled"}), _check_texts),
        _Collection(
            f"{POOLS}/{{pool}}/providers",
            "workloadIdentityPoolProviderId",
            frozenset({*_TEXTS, "disabled", "attributeMapping", "attributeCondition", "oidc"}),
            _check_provider,
        ),
    ):
        operations = _Operations(collection, store, now)
        rule = "/" + re.sub(r"{(\w+)}", r"<\1>", collection.path)
        for path, method, view in (
            (rule, "POST", operations.create),
            (f"{rule}/<id>", "GET", operations.get),
            (f"{rule}/<id>", "PATCH", operations.patch),
            (f"{rule}/<id>", "DELETE", operations.delete),
            (f"{rule}/<id>", "POST", operations.undelete),
        ):
            app.add_url_rule(path, f"{method} {path}", cast(Callable[..., Response], view), methods=[method])


@dataclass(frozen=True)
class _Operations:
    """The API operations on one collection: workload identity pools, or the token providers of a pool. `names` holds
    the names in the URL path, such as the project.
    """

    collection: _Collection
    store: StateStore
    now: Callable[[], datetime]

    def create(self, **names: str) -> Response:
        scope, id = _scope(self.collection, names), request.args.get(self.collection.id_parameter, "")
        if not _ID.fullmatch(id):
            wanted = "4 to 32 of a-z, 0-9 and -, and does not begin with gcp-"
            raise Refused(400, f"{self.collection.id_parameter} {id!r} is not valid: it has {wanted}")
        body = _checked(self.collection, {})
        if "pool" in names:
            self._active(*cast("tuple[str, str]", tuple(scope.removesuffix("/providers").rsplit("/", 1))))
        if self._found(scope, id) is not None:
            raise Refused(409, "Requested entity already exists")
        path = f"{scope}/{id}".removeprefix("iam/v1/")
        name = path.replace(names["project"], project_number(names["project"]), 1)
        return self._put(scope, id, {**body, "name": name, "state": "ACTIVE", "selfLink": f"{scope}/{id}"})

    def get(self, id: str, **names: str) -> Response:
        return jsonify(self._existing(_scope(self.collection, names), id))

    def patch(self, id: str, **names: str) -> Response:
        scope = _scope(self.collection, names)
        known = self._active(scope, id)
        return self._put(scope, id, {**known, **_checked(self.collection, known)})

    def delete(self, id: str, **names: str) -> Response:
        scope = _scope(self.collection, names)
        expiry = (self.now() + KEPT_FOR).isoformat()
        return self._put(scope, id, {**self._active(scope, id), "state": "DELETED", "expireTime": expiry})

    def undelete(self, id: str, **names: str) -> Response:
        scope, id = _scope(self.collection, names), id.removesuffix(":undelete")
        document = self._existing(scope, id)
        if document["state"] != "DELETED":
            raise Refused(400, f"{document['name']} is not deleted")
        restored = {name: value for name, value in document.items() if name != "expireTime"}
        return self._put(scope, id, {**restored, "state": "ACTIVE"})

    def _found(self, scope: str, id: str) -> Json | None:
        document = self.store.get(_KIND, scope, id)
        expiry = document.get("expireTime") if document else None
        if expiry is not None and datetime.fromisoformat(expiry) <= self.now():
            self.store.remove(_KIND, scope, id)
            return None
        return document

    def _existing(self, scope: str, id: str) -> Json:
        document = self._found(scope, id)
        if document is None:
            raise Refused(404, "Requested entity was not found.")
        return document

    def _active(self, scope: str, id: str) -> Json:
        document = self._existing(scope, id)
        if document["state"] == "DELETED":
            raise Refused(400, f"{document['name']} is deleted")
        return document

    def _put(self, scope: str, id: str, document: Json) -> Response:
        self.store.put(_KIND, scope, id, document)
        return jsonify(document)


def _scope(collection: _Collection, names: Mapping[str, str]) -> str:
    if names["location"] != "global":
        raise Refused(400, f"location {names['location']} is not global")
    return collection.path.format(**names)


def _checked(collection: _Collection, known: Json) -> Json:
    """Returns the JSON body of a request. Raises Refused if the body has a field that is not emulated, or if the
    resource would be invalid. `known` is the resource before the change, and is empty for a new resource.
    """
    body: Json = request.get_json(force=True)
    unknown = sorted(body.keys() - collection.fields)
    if unknown:
        raise Refused(501, f"not emulated: {', '.join(unknown)} of {collection.path}")
    collection.check({**known, **body})
    return body


def _check_texts(document: Json) -> None:
    for name, most in _TEXTS.items():
        if len(document.get(name, "")) > most:
            raise Refused(400, f"{name} has more than {most} characters")


def _check_provider(document: Json) -> None:
    _check_texts(document)
    oidc: Json = document.get("oidc") or {}
    if not str(oidc.get("issuerUri", "")).startswith("https://"):
        raise Refused(400, "oidc.issuerUri is not an https URL")
    if oidc.keys() - {"issuerUri", "allowedAudiences"}:
        raise Refused(501, f"not emulated: {', '.join(sorted(oidc.keys()))} of oidc")
    audiences: list[str] = oidc.get("allowedAudiences", [])
    if len(audiences) > _MOST_AUDIENCES or any(len(each) > _MOST_AUDIENCE_CHARACTERS for each in audiences):
        raise Refused(400, f"oidc has more than {_MOST_AUDIENCES} audiences, or one that is too long")
    mapping: Mapping[str, str] = document.get("attributeMapping", {})
    if "google.subject" not in mapping:
        raise Refused(400, "attributeMapping has no google.subject")
    custom = mapping.keys() - {"google.subject", "google.groups"}
    if len(custom) > _MOST_CUSTOM_ATTRIBUTES or any(not _CUSTOM.fullmatch(each) for each in custom):
        raise Refused(400, f"attributeMapping has attributes that Google does not accept: {', '.join(sorted(custom))}")
    for name, expression in mapping.items():
        _check_expression(f"attributeMapping of {name}", expression, _MOST_MAPPING_CHARACTERS)
    if "attributeCondition" in document:
        _check_expression("attributeCondition", document["attributeCondition"], MOST_CONDITION_CHARACTERS)


def _check_expression(name: str, expression: str, most: int) -> None:
    if len(expression) > most:
        raise Refused(400, f"{name} has more than {most} characters")
    variables: dict[str, Any] = dict.fromkeys(("assertion", "google", "attribute"), cel.Type.DYN)
    try:
        cel.NewEnv(variables=variables).compile(expression)
    except Exception as error:  # broad, because cel_expr_python raises exceptions of several types
        raise Refused(400, f"{name} is no valid expression: {error}") from error
