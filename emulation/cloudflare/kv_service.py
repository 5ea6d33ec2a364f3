"""Serves Workers KV to the workers in the PoPs, with the HTTP protocol between workerd's `kvNamespace` bindings and the
service behind them.

The protocol is not documented. This service follows workerd's own client (src/workerd/api/kv.c++): GET, PUT and DELETE
of `/<key>?urlencoded=true`, a listing at `/`, metadata in the header CF-KV-Metadata. workerd's configuration adds three
headers to each request: the namespace of the binding, the name of the PoP, and a secret. The secret proves that a PoP
of this sandbox sends the request. A read may return an old value (kv_reads.py).
"""

from __future__ import annotations

import hmac
import json

from flask import Flask, Response, jsonify, request

from emulation.cloudflare.kv_reads import KvReads
from emulation.state_store import Entry, StateStore

NAMESPACE_HEADER = "X-Edge-Namespace"
POP_HEADER = "X-Edge-Pop"
SECRET_HEADER = "X-Edge-Secret"  # noqa: S105  the header's name


def create_service(store: StateStore, reads: KvReads, secret: str) -> Flask:
    """Returns the WSGI application that serves Workers KV to the PoPs. Requests must contain `secret` in the header
    X-Edge-Secret."""
    service = Flask(__name__)
    service.url_map.merge_slashes = False

    @service.before_request
    def authenticate() -> tuple[str, int] | None:
        known = hmac.compare_digest(request.headers.get(SECRET_HEADER, ""), secret)
        return None if known else ("not a PoP of this network", 403)

    @service.get("/<path:key>")
    def read(key: str) -> Response:
        entry = reads.read(_pop(), _namespace(), key)
        if entry is None:
            return Response("Not Found", 404)
        answer = Response(entry.value, content_type="application/octet-stream")
        if entry.metadata is not None:
            answer.headers["CF-KV-Metadata"] = entry.metadata
        if entry.expiration is not None:
            answer.headers["CF-Expiration"] = str(entry.expiration)
        return answer

    @service.put("/<path:key>")
    def write(key: str) -> Response:
        ttl, expiration = request.args.get("expiration_ttl", type=int), request.args.get("expiration", type=int)
        expires = int(store.now()) + ttl if ttl is not None else expiration
        store.write(_namespace(), Entry(key, request.get_data(), expires, request.headers.get("CF-KV-Metadata")))
        reads.forget(_pop(), _namespace(), key)
        return Response()

    @service.delete("/<path:key>")
    def erase(key: str) -> Response:
        store.erase(_namespace(), key)
        reads.forget(_pop(), _namespace(), key)
        return Response()

    @service.get("/")
    def list_keys() -> Response:
        limit = request.args.get("key_count_limit", 1000, int)
        found = store.entries(
            _namespace(),
            prefix=request.args.get("prefix", ""),
            after=request.args.get("cursor", ""),
            limit=limit + 1,
        )
        keys = [{"name": e.key, "expiration": e.expiration, "metadata": e.metadata} for e in found[:limit]]
        rest = {"list_complete": False, "cursor": keys[-1]["name"]} if len(found) > limit else {"list_complete": True}
        return jsonify({"keys": keys, "cacheStatus": None, **rest})

    @service.post("/bulk/get")
    def read_many() -> Response:
        query = json.loads(request.get_data())
        if query.get("type", "text") != "text" or query.get("withMetadata"):
            return Response("not emulated: bulk reads other than of text without metadata", 501)
        entries = {key: reads.read(_pop(), _namespace(), key) for key in query["keys"]}
        return jsonify({key: entry.value.decode() if entry else None for key, entry in entries.items()})

    return service


def _namespace() -> str:
    return request.headers[NAMESPACE_HEADER]


def _pop() -> str:
    return request.headers.get(POP_HEADER, "")
