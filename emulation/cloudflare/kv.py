"""Serves the Cloudflare API for Workers KV: namespaces, values, listings, bulk reads and bulk writes.

The sources of the limits are developers.cloudflare.com/kv/platform/limits and the API reference.
"""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any, cast

from flask import Blueprint, Response, request

from emulation.cloudflare.envelope import ApiError, Json, body, new_id, page, success, take
from emulation.cloudflare.existing import existing
from emulation.state_store import Entry, StateStore

KEY_BYTES = 512
VALUE_BYTES = 25 * 1024 * 1024
METADATA_BYTES = 1024
SHORTEST_TTL = 60  # The shortest time, in seconds, after which an entry of Workers KV may expire.
BULK_WRITES = 10_000
BULK_READS = 100
LISTED_AT_ONCE = 1000


def blueprint(store: StateStore) -> Blueprint:
    """Returns the Cloudflare API endpoints for Workers KV, below /accounts/<account>/storage/kv."""
    kv = Blueprint("kv", __name__, url_prefix="/accounts/<account>/storage/kv/namespaces")

    @kv.get("")
    def list_namespaces(account: str) -> Response:
        return page(store.all("namespace", account))

    @kv.post("")
    def create_namespace(account: str) -> Response:
        title = take(body(), required=["title"])["title"]
        _refuse_taken_title(store, account, title, "")
        namespace: Json = {"id": new_id(), "title": title, "supports_url_encoding": True}
        store.put("namespace", account, namespace["id"], namespace)
        return success(namespace)

    @kv.get("/<namespace>")
    def get_namespace(account: str, namespace: str) -> Response:
        return success(_namespace(store, account, namespace))

    @kv.put("/<namespace>")
    def rename_namespace(account: str, namespace: str) -> Response:
        known = _namespace(store, account, namespace)
        known["title"] = take(body(), required=["title"])["title"]
        _refuse_taken_title(store, account, known["title"], namespace)
        store.put("namespace", account, namespace, known)
        return success(known)

    @kv.delete("/<namespace>")
    def delete_namespace(account: str, namespace: str) -> Response:
        _namespace(store, account, namespace)
        store.erase_namespace(namespace)
        store.remove("namespace", account, namespace)
        return success(None)

    @kv.get("/<namespace>/keys")
    def list_keys(account: str, namespace: str) -> Response:
        _namespace(store, account, namespace)
        limit = request.args.get("limit", LISTED_AT_ONCE, int)
        if not 10 <= limit <= LISTED_AT_ONCE:
            raise ApiError(400, 10028, f"limit is {limit}; it must be between 10 and {LISTED_AT_ONCE}")
        prefix, after = request.args.get("prefix", ""), _decode_cursor(request.args.get("cursor", ""))
        found = store.entries(namespace, prefix=prefix, after=after, limit=limit + 1)
        shown = found[:limit]
        cursor = base64.urlsafe_b64encode(shown[-1].key.encode()).decode() if len(found) > limit else ""
        return success([_listed(entry) for entry in shown], result_info={"count": len(shown), "cursor": cursor})

    @kv.put("/<namespace>/values/<path:key>")
    def write_value(account: str, namespace: str, key: str) -> Response:
        _namespace(store, account, namespace)
        value, metadata = _uploaded()
        ttl, expiration = request.args.get("expiration_ttl"), request.args.get("expiration")
        store.write(namespace, _entry(store, key, value, ttl, expiration, metadata))
        return success(None)

    @kv.get("/<namespace>/values/<path:key>")
    def read_value(account: str, namespace: str, key: str) -> Response:
        _namespace(store, account, namespace)
        entry = _existing(store, namespace, key)
        answer = Response(entry.value, content_type="application/octet-stream")
        if entry.expiration is not None:
            answer.headers["expiration"] = str(entry.expiration)
        return answer

    @kv.get("/<namespace>/metadata/<path:key>")
    def read_metadata(account: str, namespace: str, key: str) -> Response:
        _namespace(store, account, namespace)
        metadata = _existing(store, namespace, key).metadata
        return success(json.loads(metadata) if metadata else None)

    @kv.delete("/<namespace>/values/<path:key>")
    def delete_value(account: str, namespace: str, key: str) -> Response:
        _namespace(store, account, namespace)
        store.erase(namespace, key)
        return success(None)

    @kv.post("/<namespace>/bulk/get")
    def read_bulk(account: str, namespace: str) -> Response:
        _namespace(store, account, namespace)
        query = take(body(), required=["keys"], optional=["type"])
        if query.get("type", "text") != "text":
            raise ApiError(501, 10405, f"not emulated: bulk reads of type {query['type']}")
        if not 1 <= len(query["keys"]) <= BULK_READS:
            raise ApiError(400, 10012, f"{len(query['keys'])} keys at once; between 1 and {BULK_READS} are allowed")
        entries = {key: store.read(namespace, key) for key in query["keys"]}
        return success({"values": {key: entry.value.decode() if entry else None for key, entry in entries.items()}})

    @kv.put("/<namespace>/bulk")
    def write_bulk(account: str, namespace: str) -> Response:
        _namespace(store, account, namespace)
        entries = [_bulk_entry(store, item) for item in _array()]
        store.write(namespace, *entries)
        return success({"successful_key_count": len(entries), "unsuccessful_keys": []})

    @kv.post("/<namespace>/bulk/delete")
    def delete_bulk(account: str, namespace: str) -> Response:
        _namespace(store, account, namespace)
        keys = [str(key) for key in _array()]
        store.erase(namespace, *keys)
        return success({"successful_key_count": len(keys), "unsuccessful_keys": []})

    return kv


def _namespace(store: StateStore, account: str, namespace: str) -> Json:
    return existing(store, "namespace", account, namespace, 10013, f"namespace not found: {namespace}")


def _refuse_taken_title(store: StateStore, account: str, title: str, namespace: str) -> None:
    if any(other["title"] == title and other["id"] != namespace for other in store.all("namespace", account)):
        raise ApiError(400, 10014, f"a namespace with this account ID and title already exists: {title}")


def _existing(store: StateStore, namespace: str, key: str) -> Entry:
    entry = store.read(namespace, key)
    if entry is None:
        raise ApiError(404, 10009, f"get: 'key not found': {key}")
    return entry


def _listed(entry: Entry) -> Json:
    listed: Json = {"name": entry.key}
    if entry.expiration is not None:
        listed["expiration"] = entry.expiration
    if entry.metadata is not None:
        listed["metadata"] = json.loads(entry.metadata)
    return listed


def _decode_cursor(cursor: str) -> str:
    try:
        return base64.urlsafe_b64decode(cursor).decode()
    except ValueError:
        raise ApiError(400, 10031, f"cursor is not one of this listing: {cursor}") from None


def _uploaded() -> tuple[bytes, str | None]:
    """Returns the value and the metadata from a request that writes one Workers KV entry. The body is either a
    multipart form or only the value."""
    if request.mimetype != "multipart/form-data":
        return request.get_data(), None
    if "value" in request.files:
        return request.files["value"].read(), request.form.get("metadata")
    if "value" not in request.form:
        raise ApiError(400, 10012, "the form has no part named value")
    return request.form["value"].encode(), request.form.get("metadata")


def _array() -> list[Any]:
    items = request.get_json(force=True, silent=True)
    if not isinstance(items, list):
        raise ApiError(400, 10012, "Request body is invalid: a JSON array is expected.")
    listed = cast(list[Any], items)
    if len(listed) > BULK_WRITES:
        raise ApiError(400, 10016, f"{len(listed)} pairs at once; at most {BULK_WRITES} are allowed")
    return listed


def _bulk_entry(store: StateStore, item: Json) -> Entry:
    take(item, required=["key"], optional=["value", "base64", "expiration", "expiration_ttl", "metadata"])
    value = str(item.get("value", "")).encode()
    if item.get("base64"):
        try:
            value = base64.b64decode(value, validate=True)
        except binascii.Error:
            raise ApiError(400, 10012, f"value of {item['key']} is not base64") from None
    metadata = json.dumps(item["metadata"]) if item.get("metadata") is not None else None
    return _entry(store, item["key"], value, item.get("expiration_ttl"), item.get("expiration"), metadata)


def _entry(store: StateStore, key: str, value: bytes, ttl: Any, expiration: Any, metadata: str | None) -> Entry:
    """Makes an entry of Workers KV from the values in a write request. As in Cloudflare's API, `ttl` takes precedence
    over `expiration`.

    Raises ApiError when the key, the value, the metadata or the expiration exceeds a limit.
    """
    if not 1 <= len(key.encode()) <= KEY_BYTES or key in (".", ".."):
        raise ApiError(400, 10029, f"key names have 1 to {KEY_BYTES} bytes, and are not . or ..: {key!r}")
    if len(value) > VALUE_BYTES:
        raise ApiError(413, 10033, f"value of {key} has {len(value)} bytes; at most {VALUE_BYTES} are allowed")
    if metadata is not None and len(metadata.encode()) > METADATA_BYTES:
        raise ApiError(413, 10034, f"metadata of {key} is larger than {METADATA_BYTES} bytes")
    earliest = int(store.now()) + SHORTEST_TTL
    expires = int(store.now()) + int(float(ttl)) if ttl is not None else int(float(expiration)) if expiration else None
    if expires is not None and expires < earliest:
        raise ApiError(400, 10030, f"{key} would expire in less than {SHORTEST_TTL} seconds; that is the shortest")
    return Entry(key, value, expires, metadata)
