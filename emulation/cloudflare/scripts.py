"""Serves the Cloudflare API for worker scripts: the multipart upload of a script, its settings and its content.

Source: developers.cloudflare.com/workers/configuration/multipart-upload-metadata. As in Cloudflare's API, error 10021
means that the runtime cannot start the script.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from flask import Blueprint, Response, request
from werkzeug.datastructures import FileStorage

from emulation.cloudflare import deployment as network
from emulation.cloudflare import versions
from emulation.cloudflare.deployment import Edge, EdgeError
from emulation.cloudflare.envelope import ApiError, Json, now, page, success, take
from emulation.cloudflare.existing import existing
from emulation.state_store import StateStore

# Maps the content type of an uploaded module to the name of the module's type in workerd's configuration.
MODULE_KINDS = {
    "application/javascript+module": "esModule",
    "text/javascript+module": "esModule",
    "application/wasm": "wasm",
    "text/plain": "text",
    "application/octet-stream": "data",
}
SOURCE_MAP = "application/source-map"

# Maps each type of a worker's bindings to the fields that a binding of this type requires besides `name` and `type`.
BINDINGS = {
    "kv_namespace": ("namespace_id",),
    "plain_text": ("text",),
    "secret_text": ("text",),
    "mtls_certificate": ("certificate_id",),
    "ratelimit": ("namespace_id", "simple"),
}
# The periods that a rate limiting binding of a worker may have, in seconds (Workers, "Rate Limiting", "Configuration").
_RATE_PERIODS = (10, 60)
SCRIPT_NAME = re.compile(r"[a-z0-9_][a-z0-9_-]{0,62}", re.ASCII)
BINDING_NAME = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*", re.ASCII)
OPTIONS = (
    "annotations",
    "bindings",
    "cache_options",
    "compatibility_date",
    "compatibility_flags",
    "exports",
    "logpush",
    "observability",
)
# The options that the upload of a version may contain. All other options apply to the script with all its versions (API
# reference, "Upload Version").
VERSION_OPTIONS = tuple(option for option in OPTIONS if option not in ("logpush", "observability"))
# The error code for the upload of a version with a migration of Durable Objects (cloudflare/cloudflare-docs, issue
# 32982).
_MIGRATION = 10211


def blueprints(store: StateStore, edge: Edge, converge: Callable[[], None]) -> tuple[Blueprint, Blueprint]:
    """Returns the Cloudflare API endpoints for worker scripts, and for the versions and deployments of scripts. All are
    below /accounts/<account>/workers/scripts.
    """
    scripts = Blueprint("scripts", __name__, url_prefix="/accounts/<account>/workers/scripts")

    @scripts.get("")
    def list_scripts(account: str) -> Response:
        return page([_public(script) for script in store.all("script", account)])

    def checked(account: str, name: str, options: Sequence[str]) -> Json:
        script = _uploaded(store, account, name, options)
        try:
            edge.check(network.script(script))
        except EdgeError as error:
            raise ApiError(400, 10021, str(error)) from error
        return script

    @scripts.put("/<name>")
    def upload(account: str, name: str) -> Response:
        # After an upload, only the new version answers requests. This is also true if two versions shared the requests
        # before the upload (Workers documentation, "Deployment management").
        version = versions.add(store, account, checked(account, name, OPTIONS))
        versions.deploy(store, account, name, [{"version_id": version["version"], "percentage": 100}])
        converge()
        return success(_public(version))

    @scripts.get("/<name>")
    @scripts.get("/<name>/content/v2")
    def content(account: str, name: str) -> Response:
        return _as_multipart(_script(store, account, name))

    @scripts.get("/<name>/settings")
    def settings(account: str, name: str) -> Response:
        script = _script(store, account, name)
        shown = {option: script[option] for option in OPTIONS}
        shown["bindings"] = [_without_secret(binding) for binding in script["bindings"]]
        return success({**shown, "usage_model": "standard", "tags": [], "tail_consumers": []})

    @scripts.delete("/<name>")
    def delete(account: str, name: str) -> Response:
        _script(store, account, name)
        patterns = [route["pattern"] for route in store.all("route") if route.get("script") == name]
        if patterns:
            raise ApiError(409, 10064, f"the script {name} still answers the route {', '.join(patterns)}")
        store.remove("script", account, name)
        versions.remove(store, account, name)
        converge()
        return success(None)

    uploads = versions.blueprint(
        store, lambda account, name: checked(account, name, VERSION_OPTIONS), converge, _without_secret
    )
    return scripts, uploads


def _script(store: StateStore, account: str, name: str) -> Json:
    return existing(store, "script", account, name, 10007, f"This Worker does not exist on your account: {name}")


def _uploaded(store: StateStore, account: str, name: str, options: Sequence[str]) -> Json:
    """Reads an uploaded worker script from the request's multipart form. Returns the JSON document that the emulation
    stores.

    `options` lists the optional fields of the JSON object in the form's part `metadata`. Raises ApiError when the form
    or the script is invalid.
    """
    if not SCRIPT_NAME.fullmatch(name):
        raise ApiError(400, 10016, f"script name {name!r}: lower case letters, digits, _ and -, at most 63")
    given = _metadata()
    if options is VERSION_OPTIONS and "migrations" in given:
        raise ApiError(400, _MIGRATION, "a version with a migration of Durable Objects cannot be uploaded")
    metadata = take(given, required=["main_module", "compatibility_date"], optional=options)
    modules = [_module(part) for part in request.files.values() if part.name != "metadata" and not _is_map(part)]
    main = metadata["main_module"]
    if not any(module["name"] == main for module in modules):
        raise ApiError(400, 10021, f"No such module {main!r}: main_module names none of the uploaded parts")
    modules.sort(key=lambda module: module["name"] != main)
    bindings = [_binding(store, account, name, binding) for binding in metadata.get("bindings", [])]
    before = store.get("script", account, name) or {}
    own = before if options is VERSION_OPTIONS else metadata
    return {
        "id": name,
        "main_module": main,
        "modules": modules,
        "bindings": bindings,
        "annotations": metadata.get("annotations"),
        "cache_options": _cache_options(metadata),
        "exports": _exports(metadata),
        "version": versions.new_version_id(),
        "compatibility_date": metadata["compatibility_date"],
        "compatibility_flags": metadata.get("compatibility_flags") or [],
        "logpush": own.get("logpush", False),
        "observability": own.get("observability"),
        "etag": hashlib.sha256(json.dumps(modules).encode()).hexdigest(),
        "created_on": before.get("created_on", now()),
        "modified_on": now(),
        "uploaded_on": now(),
    }


def _metadata() -> Json:
    """Returns the metadata of an uploaded worker script. The upload is a multipart form. Some clients send its part
    `metadata` as a field, and some as a file.
    """
    part = request.files.get("metadata")
    text = part.read() if part is not None else request.form.get("metadata", "")
    try:
        metadata = json.loads(text)
    except ValueError:
        raise ApiError(400, 10021, "the form's part `metadata` is missing or not JSON") from None
    if not isinstance(metadata, dict):
        raise ApiError(400, 10021, "the form's part `metadata` is not a JSON object")
    return metadata  # pyright: ignore[reportUnknownVariableType]


def _cache_options(metadata: Json) -> Json | None:
    """Returns the script's settings for Workers Cache (Cloudflare docs, workers/cache/configuration, "Enable
    caching").
    """
    given: Json | None = metadata.get("cache_options")
    return None if given is None else take(given, optional=["enabled", "cross_version_cache"])


def _exports(metadata: Json) -> Json | None:
    """Returns a mapping from the name of each entrypoint of a script to its cache settings (Cloudflare docs,
    workers/cache/configuration, "Per-entrypoint caching").

    Raises ApiError if the default entrypoint is cached, because the emulation does not support a cached default
    entrypoint.
    """
    given: Json | None = metadata.get("exports")
    is_cached = bool(_part(metadata, "cache_options").get("enabled"))
    for name, export in (given or {}).items():
        entry = take(export, required=["type"], optional=["cache"])
        take(_part(entry, "cache"), optional=["enabled"])
        if entry["type"] != "worker" or not BINDING_NAME.fullmatch(name):
            raise ApiError(501, 10405, f"not emulated: export {name} of type {entry['type']} (only worker)")
    own = _part(_part(given, "default"), "cache")
    if own.get("enabled", is_cached):
        wanted = "set exports.default.cache.enabled to false"
        raise ApiError(501, 10405, f"not emulated: a cached default entrypoint; {wanted}")
    return given


def _part(whole: Json | None, name: str) -> Json:
    part: Json | None = (whole or {}).get(name)
    return part or {}


def _is_map(part: FileStorage) -> bool:
    return part.mimetype == SOURCE_MAP


def _module(part: FileStorage) -> Json:
    name = part.filename or part.name or ""
    if part.mimetype not in MODULE_KINDS:
        accepted = ", ".join(MODULE_KINDS)
        raise ApiError(501, 10405, f"not emulated: module {name} of type {part.mimetype} (only {accepted})")
    return {
        "name": name,
        "type": part.mimetype,
        "kind": MODULE_KINDS[part.mimetype],
        "content": part.read().hex(),
    }


def _inherited(store: StateStore, account: str, script: str, binding: Mapping[str, Any]) -> Json:
    """Returns the binding that a new version of a script takes over from an earlier version (API reference, "Upload
    Version", binding of type `inherit`).

    Raises ApiError if the earlier version has no such binding.
    """
    if request.args.get("bindings_inherit") != "strict":
        raise ApiError(501, 10405, "not emulated: inherited bindings without bindings_inherit=strict")
    given = take(dict(binding), required=["name", "type"], optional=["version_id"])
    wanted = given.get("version_id", "latest")
    if wanted == "latest":
        source = versions.latest(store, account, script)
    else:
        source = versions.version_of(store, account, script, wanted)
    found = [each for each in source["bindings"] if each["name"] == given["name"]]
    if not found:
        raise ApiError(400, 10021, f"binding {given['name']} cannot be inherited: version {wanted} has none")
    return found[0]


def _binding(store: StateStore, account: str, script: str, binding: Mapping[str, Any]) -> Json:
    kind, name = binding.get("type", ""), binding.get("name", "")
    if kind == "inherit" and request.method == "POST":
        return _inherited(store, account, script, binding)
    if kind not in BINDINGS:
        raise ApiError(501, 10405, f"not emulated: binding {name} of type {kind} (only {', '.join(BINDINGS)})")
    if not BINDING_NAME.fullmatch(name):
        raise ApiError(400, 10021, f"binding name {name!r} is not a JavaScript identifier")
    given = {key: value for key, value in binding.items() if value is not None}
    take(given, required=["name", "type"], optional=BINDINGS[kind])
    if missing := [field for field in BINDINGS[kind] if field not in given]:
        raise ApiError(400, 10021, f"binding {name} of type {kind} has no {' and no '.join(missing)}")
    if kind == "ratelimit":
        _check_rate(name, given)
    if kind == "kv_namespace" and store.get("namespace", account, given["namespace_id"]) is None:
        raise ApiError(400, 10041, f"KV namespace {given['namespace_id']!r} of binding {name} does not exist")
    if kind == "mtls_certificate" and store.get("certificate", account, given["certificate_id"]) is None:
        raise ApiError(400, 10021, f"mTLS certificate {given['certificate_id']!r} of binding {name} does not exist")
    return given


def _check_rate(name: str, binding: Json) -> None:
    """Raises ApiError if a worker's rate limiting binding is invalid (Workers, "Rate Limiting", "Configuration")."""
    number, simple = binding["namespace_id"], take(binding["simple"], required=["limit", "period"])
    if not isinstance(number, str) or not re.fullmatch(r"[1-9][0-9]*", number):
        raise ApiError(400, 10021, f"namespace_id {number!r} of binding {name} is not the text of a positive integer")
    if simple["period"] not in _RATE_PERIODS:
        raise ApiError(400, 10021, f"period {simple['period']} of binding {name} is not 10 or 60")
    if simple["limit"] != int(simple["limit"]) or simple["limit"] < 1:
        raise ApiError(400, 10021, f"limit {simple['limit']} of binding {name} is not a positive integer")


def _without_secret(binding: Json) -> Json:
    return {k: v for k, v in binding.items() if not (k == "text" and binding["type"] == "secret_text")}


def _public(script: Json) -> Json:
    shown = ("id", "etag", "created_on", "modified_on", "compatibility_date", "compatibility_flags", "logpush")
    return {
        **{name: script[name] for name in shown},
        "observability": script["observability"],
        "handlers": ["fetch"],
        "has_assets": False,
        "has_modules": True,
        "startup_time_ms": 0,
        "usage_model": "standard",
        "tail_consumers": [],
    }


def _as_multipart(script: Json) -> Response:
    """Returns all modules of a worker script as multipart/form-data. The header `cf-entrypoint` contains the name of
    the main module.
    """
    boundary = script["etag"]
    parts: list[bytes] = []
    for module in script["modules"]:
        name = module["name"]
        parts.append(
            f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"; filename="{name}"\r\n'
            f"Content-Type: {module['type']}\r\n\r\n".encode()
            + bytes.fromhex(module["content"])
            + b"\r\n"
        )
    answer = Response(b"".join(parts) + f"--{boundary}--\r\n".encode())
    answer.headers["Content-Type"] = f'multipart/form-data; boundary="{boundary}"'
    answer.headers["cf-entrypoint"] = script["main_module"]
    return answer
