"""Serves the part of Spanner's REST API that reads and writes data: sessions, statements, commits (Cloud Spanner API
v1, `…databases.sessions`).

Callers need an IAM role on the database, as in Spanner. In the emulation, a session has no state, like a multiplexed
session of Spanner.
"""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import Any, cast

from flask import Flask, Response, jsonify, request

from emulation.gcp.catalog import Json, Refused
from emulation.gcp.spanner.databases import Databases
from emulation.gcp.tokens import Tokens
from emulation.state_store import StateStore

_DATABASE = "/spanner/v1/projects/<project>/instances/<instance>/databases/<database>"
_READERS = frozenset({"roles/spanner.databaseReader", "roles/spanner.databaseUser", "roles/spanner.databaseAdmin"})
_WRITERS = _READERS - {"roles/spanner.databaseReader"}


def add_to(app: Flask, store: StateStore, databases: Databases) -> None:
    tokens = Tokens(store)

    def allowed(names: Json, roles: frozenset[str]) -> str:
        scope = f"spanner/v1/projects/{names['project']}/instances/{names['instance']}/databases"
        document = store.get("gcp", scope, names["database"])
        if document is None:
            raise Refused(404, f"Database not found: {scope.removeprefix('spanner/v1/')}/{names['database']}")
        account = tokens.bearer(request.headers.get("Authorization", ""))
        if account is None:
            raise Refused(401, "Request had invalid authentication credentials")
        member = f"serviceAccount:{account.email}"
        given = {each["role"] for each in document["iam"]["bindings"] if member in each["members"]}
        if not given & roles:
            raise Refused(403, f"{account.email} lacks a role on {names['database']}: needs one of {sorted(roles)}")
        return names["database"]

    def new_session(**names: str) -> Response:
        allowed(names, _READERS)
        path = request.path.removeprefix("/spanner/v1/")
        return jsonify({"name": f"{path}/{secrets.token_urlsafe(16)}"})

    def verb(session: str, **names: str) -> Response:
        body: Json = request.get_json(force=True)
        match session.partition(":")[2]:
            case "executeStreamingSql":
                result = databases.query(allowed(names, _READERS), body["sql"], _parameters(body))
                rows = [value for row in result["rows"] for value in row]
                return jsonify([{"metadata": result["metadata"], "values": rows}])
            case "commit":
                if "singleUseTransaction" not in body:
                    raise Refused(501, "not emulated: a commit of a transaction from an earlier request")
                databases.commit(allowed(names, _WRITERS), body.get("mutations", []))
                return jsonify({"commitTimestamp": datetime.now().astimezone().isoformat()})
            case other:
                raise Refused(501, f"not emulated: {other or request.method} of a session")

    app.add_url_rule(f"{_DATABASE}/sessions", "new session", new_session, methods=["POST"])
    app.add_url_rule(f"{_DATABASE}/sessions/<session>", "session", verb, methods=["POST"])


def _parameters(body: Json) -> list[Any]:
    """Returns the values of an SQL statement's parameters, in the order of their placeholders `$1`, `$2` and so on."""
    given, types = cast(Json, body.get("params", {})), cast(Json, body.get("paramTypes", {}))
    names = [f"p{number}" for number in range(1, len(given) + 1)]
    return [_value(types[name]["code"], given[name]) for name in names]


def _value(code: str, value: Any) -> Any:
    if value is None:
        return None
    match code:
        case "STRING":
            return value
        case "INT64":
            return int(value)
        case "TIMESTAMP":
            return datetime.fromisoformat(value)
        case _:
            raise Refused(501, f"not emulated: a parameter of type {code}")
