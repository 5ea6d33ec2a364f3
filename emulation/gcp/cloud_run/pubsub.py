"""Stores the messages of Pub/Sub topics for each subscription until a client acknowledges the messages (Pub/Sub API
v1).

A caller without an access token is treated as the operator and may do everything, as in the emulated administrative
APIs. There are no acknowledgement deadlines: the next pull returns an unacknowledged message again. Messages do not
expire.
"""

from __future__ import annotations

import secrets
import time
from datetime import UTC, datetime
from typing import Any

from flask import Flask, Response, jsonify, request

from emulation.gcp.catalog import Json, Refused
from emulation.gcp.tokens import Tokens
from emulation.state_store import Entry, StateStore

_PROJECT = "/pubsub/v1/projects/<project>"


def add_to(app: Flask, store: StateStore) -> None:
    tokens = Tokens(store)

    def publish(project: str, topic: str) -> Response:
        name, _ = _split_verb(topic, "publish")
        document = _existing(store, f"pubsub/v1/projects/{project}/topics", name)
        _expect(tokens, document, "roles/pubsub.publisher")
        full, ids = f"projects/{project}/topics/{name}", list[str]()
        for message in request.get_json(force=True)["messages"]:
            id = f"{time.time_ns()}-{secrets.token_hex(4)}"
            ids.append(id)
            for subscription in store.all("gcp", f"pubsub/v1/projects/{project}/subscriptions"):
                if subscription["topic"] == full:
                    store.write(_queue(project, subscription["name"]), Entry(id, message["data"].encode()))
        return jsonify({"messageIds": ids})

    def subscription(project: str, subscription: str) -> Response:
        name, verb = _split_verb(subscription, "pull", "acknowledge")
        _existing(store, f"pubsub/v1/projects/{project}/subscriptions", name)
        body: Json = request.get_json(force=True)
        if verb == "acknowledge":
            store.erase(_queue(project, name), *body["ackIds"])
            return jsonify({})
        found = store.entries(_queue(project, name), limit=int(body["maxMessages"]))
        return jsonify({"receivedMessages": [_as_received_message(entry) for entry in found]})

    app.add_url_rule(f"{_PROJECT}/topics/<topic>", "topic verb", publish, methods=["POST"])
    app.add_url_rule(f"{_PROJECT}/subscriptions/<subscription>", "pull", subscription, methods=["POST"])


def _queue(project: str, subscription: str) -> str:
    return f"pubsub/{project}/{subscription}"


def _as_received_message(entry: Entry) -> Json:
    at = datetime.fromtimestamp(int(entry.key.split("-")[0]) / 1e9, UTC)
    message = {"data": entry.value.decode(), "messageId": entry.key, "publishTime": at.isoformat()}
    return {"ackId": entry.key, "message": message}


def _split_verb(text: str, *known: str) -> tuple[str, str]:
    name, _, verb = text.partition(":")
    if verb not in known:
        raise Refused(501, f"not emulated: {verb or request.method} of {name}")
    return name, verb


def _existing(store: StateStore, scope: str, name: str) -> Json:
    document = store.get("gcp", scope, name)
    if document is None:
        raise Refused(404, f"Resource not found (resource={name}).")
    return document


def _expect(tokens: Tokens, document: Any, role: str) -> None:
    header = request.headers.get("Authorization")
    if header is None:
        return
    account = tokens.bearer(header)
    if account is None:
        raise Refused(401, "Request had invalid authentication credentials")
    member = f"serviceAccount:{account.email}"
    if not any(each["role"] == role and member in each["members"] for each in document["iam"]["bindings"]):
        raise Refused(403, f"{account.email} lacks {role} on {document['name']}")
