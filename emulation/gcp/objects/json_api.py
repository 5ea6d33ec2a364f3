"""Serves the objects of the emulated Cloud Storage through the JSON API, with which client libraries and tools write,
read, copy and delete objects.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import cast
from urllib.parse import unquote

from flask import Blueprint, Response, jsonify, request

from emulation.gcp.catalog import Json, Refused
from emulation.gcp.objects.access import Access
from emulation.gcp.objects.conditions import Conditions
from emulation.gcp.objects.media import media
from emulation.gcp.objects.uploads import Sessions, parts, receive
from emulation.gcp.objects.versions import State, Versions
from emulation.state_store import StateStore

_BUCKETS = "storage/v1/b"
_FIELDS = frozenset(
    {
        *("name", "bucket", "contentType", "cacheControl", "contentEncoding", "contentDisposition", "contentLanguage"),
        *("metadata", "retention", "md5Hash", "crc32c", "storageClass", "customTime"),
    }
)
_CHANGEABLE = _FIELDS - {"name", "bucket", "md5Hash", "crc32c", "storageClass"}
_CONDITIONS = frozenset({"ifGenerationMatch", "ifGenerationNotMatch", "ifMetagenerationMatch"})
# Query parameters of the Cloud Storage API that the emulation accepts and ignores. On Google Cloud, they select the
# fields and the format of a response. The emulation always sends the same response.
_PLAIN = frozenset({"prettyPrint", "projection", "alt"})

_UPLOAD = frozenset({"uploadType", "name", "upload_id"})
_COPY = frozenset({"sourceGeneration", "ifSourceGenerationMatch", "ifSourceMetagenerationMatch"})
_LIST = frozenset({"prefix", "delimiter", "versions", "softDeleted", "pageToken", "maxResults"})
_MOST_LISTED = 1000


class JsonApi:
    """The endpoints for objects in the JSON API of the emulated Cloud Storage. A caller without an access token is
    treated as the operator and may do everything, as in the emulated administrative APIs.
    """

    def __init__(self, store: StateStore, versions: Versions, access: Access, directory: Path) -> None:
        self._store = store
        self._versions = versions
        self._access = access
        self._sessions = Sessions(directory)

    def blueprint(self) -> Blueprint:
        api = Blueprint("objects", __name__)
        for path, methods, view in (
            ("/upload/storage/v1/b/<bucket>/o", ["POST", "PUT", "DELETE"], self._upload),
            ("/storage/v1/b/<bucket>/o", ["GET"], self._list),
            ("/storage/v1/b/<bucket>/o/<path:_>", ["GET"], self._get),
            ("/download/storage/v1/b/<bucket>/o/<path:_>", ["GET"], self._media),
            ("/storage/v1/b/<bucket>/o/<path:_>", ["PATCH"], self._patch),
            ("/storage/v1/b/<bucket>/o/<path:_>", ["DELETE"], self._delete),
            ("/storage/v1/b/<bucket>/o/<path:_>", ["POST"], self._copy),
        ):
            api.add_url_rule(path, f"{methods[0]} {path}", view, methods=methods)
        api.before_app_request(self._expect_empty)
        return api

    def _upload(self, bucket: str) -> Response:
        arguments = _arguments(_UPLOAD | _CONDITIONS)
        if request.method != "POST":
            return self._resume(arguments["upload_id"])
        settings = self._bucket(bucket, "storage.objects.create")
        conditions, named = Conditions.from_query(arguments), {"name": arguments.get("name")}
        match arguments.get("uploadType"):
            case "media":
                given, body = {"contentType": request.content_type}, request.get_data()
            case "multipart":
                given, body = parts(request.content_type or "", request.get_data())
            case "resumable":
                kind = {"contentType": request.headers.get("X-Upload-Content-Type")}
                fields = self._fields(settings, {**kind, **_body(), **_without_none(named)})
                location = f"{request.base_url}?uploadType=resumable&upload_id="
                return Response(headers={"Location": location + self._sessions.start(bucket, fields, conditions)})
            case other:
                raise Refused(501, f"not emulated: uploadType={other}")
        fields = self._fields(settings, {**given, **_without_none(named)})
        draft = self._versions.draft([body])
        return jsonify(self._versions.write(settings, fields["name"], fields, draft, conditions))

    def _resume(self, id: str) -> Response:
        session = self._sessions.find(id)
        if request.method == "DELETE":
            self._sessions.end(id)
            return Response(status=499)
        settings = self._bucket(session.bucket, "storage.objects.create")
        written = receive(
            session, self._versions, settings, request.headers.get("Content-Range", ""), request.get_data()
        )
        if written is not None:
            return jsonify(written)
        so_far = {"Range": f"bytes=0-{session.received - 1}"} if session.received else {}
        return Response(status=308, headers=so_far)

    def _fields(self, bucket: Json, given: Json) -> Json:
        """Returns the metadata of an object that is uploaded to Cloud Storage, without empty fields. Raises Refused for
        fields that are invalid or not emulated."""
        unknown = sorted(given.keys() - _FIELDS)
        if unknown:
            raise Refused(501, f"not emulated: {', '.join(unknown)} of an object")
        if not isinstance(given.get("name"), str) or not 0 < len(given["name"].encode()) <= 1024:
            raise Refused(400, "Required: name of the object, of up to 1024 bytes")
        if given.get("retention"):
            self._expect_permission(bucket, "storage.objects.setRetention")
        return _without_none(given)

    def _list(self, bucket: str) -> Response:
        arguments = _arguments(_LIST)
        self._bucket(bucket, "storage.objects.list")
        states: list[State] = ["live", *(["noncurrent"] if _is_true(arguments, "versions") else [])]
        if _is_true(arguments, "softDeleted"):
            states = ["soft"]
        prefix, delimiter = arguments.get("prefix", ""), arguments.get("delimiter", "")
        found = self._versions.listed(bucket, prefix, states)
        beneath = {cut for each in found if (cut := _directory(each["name"], prefix, delimiter))}
        items = [each for each in found if not _directory(each["name"], prefix, delimiter)]
        start, most = int(arguments.get("pageToken", 0)), int(arguments.get("maxResults", _MOST_LISTED))
        more = {"nextPageToken": str(start + most)} if start + most < len(items) else {}
        page = {"items": items[start : start + most]} if items else {}
        return jsonify({"kind": "storage#objects", "prefixes": sorted(beneath), **page, **more})

    def _get(self, bucket: str, _: str) -> Response:
        if request.args.get("alt") == "media":
            return self._media(bucket, _)
        return jsonify(
            self._existing_object(
                bucket, _names_in_path()[0], "storage.objects.get", _arguments({"generation"} | _CONDITIONS)
            )
        )

    def _media(self, bucket: str, _: str) -> Response:
        found = self._existing_object(
            bucket, _names_in_path()[0], "storage.objects.get", _arguments({"generation"} | _CONDITIONS)
        )
        return media(self._versions.path(found), found)

    def _patch(self, bucket: str, _: str) -> Response:
        arguments = _arguments({"generation", "overrideUnlockedRetention"} | _CONDITIONS)
        found = self._existing_object(bucket, _names_in_path()[0], "storage.objects.update", arguments)
        settings, changes, override = self._settings(bucket), _body(), _is_true(arguments, "overrideUnlockedRetention")
        fixed = sorted(changes.keys() - _CHANGEABLE)
        if fixed:
            raise Refused(501, f"not emulated: a change of {', '.join(fixed)} of an object")
        if "retention" in changes:
            more = ["storage.objects.overrideUnlockedRetention"] if override else []
            self._expect_permission(settings, "storage.objects.setRetention", *more)
        return jsonify(
            self._versions.patch(settings, found, changes, Conditions.from_query(arguments), override=override)
        )

    def _delete(self, bucket: str, _: str) -> Response:
        arguments = _arguments({"generation"} | _CONDITIONS)
        found = self._existing_object(bucket, _names_in_path()[0], "storage.objects.delete", arguments)
        conditions, named = Conditions.from_query(arguments), "generation" in arguments
        self._versions.delete(self._settings(bucket), found, conditions, for_good=named)
        return Response(status=204)

    def _copy(self, bucket: str, _: str) -> Response:
        """Copies a Cloud Storage object for the API methods `copyTo` and `rewriteTo`. One call copies an object of any
        size. The copy does not get the retention of its source.
        """
        names = _names_in_path()
        if len(names) != 4:
            raise Refused(501, f"not emulated: {request.method} {request.path}")
        source, verb, target, name = names
        arguments = _arguments(_COPY | _CONDITIONS)
        generation = _without_none({"generation": arguments.get("sourceGeneration")})
        found = self._existing_object(bucket, source, "storage.objects.get", generation)
        Conditions.from_query(arguments, "ifSource").expect(found)
        settings = self._bucket(target, "storage.objects.create")
        copied = {field: found.get(field) for field in _FIELDS - {"name", "bucket", "retention", "md5Hash", "crc32c"}}
        fields = self._fields(settings, {**_without_none(copied), **_body(optional=True), "name": name})
        written = self._versions.write(
            settings, name, fields, self._versions.copied(found), Conditions.from_query(arguments)
        )
        if verb == "copyTo":
            return jsonify(written)
        sizes = {"totalBytesRewritten": written["size"], "objectSize": written["size"]}
        return jsonify({"kind": "storage#rewriteResponse", "done": True, **sizes, "resource": written})

    def _expect_empty(self) -> None:
        """Raises Refused if a request would delete a Cloud Storage bucket that still contains object versions, live or
        noncurrent.
        """
        bucket = request.path.removeprefix(f"/{_BUCKETS}/")
        deletes_bucket = request.method == "DELETE" and request.path == f"/{_BUCKETS}/{bucket}" and "/" not in bucket
        if deletes_bucket and self._versions.listed(bucket, "", ["live", "noncurrent"]):
            raise Refused(409, f"The bucket you tried to delete is not empty: {bucket}")

    def _existing_object(self, bucket: str, name: str, permission: str, arguments: Mapping[str, str]) -> Json:
        self._bucket(bucket, permission)
        generation = arguments.get("generation")
        found = self._versions.version(bucket, name, generation) if generation else self._versions.live(bucket, name)
        if found is None:
            raise Refused(404, f"No such object: {bucket}/{name}")
        return found

    def _bucket(self, name: str, permission: str) -> Json:
        settings = self._settings(name)
        self._expect_permission(settings, permission)
        return settings

    def _settings(self, name: str) -> Json:
        settings = self._store.get("gcp", _BUCKETS, name)
        if settings is None:
            raise Refused(404, "The specified bucket does not exist.")
        return settings

    def _expect_permission(self, bucket: Json, *permissions: str) -> None:
        authorization = request.headers.get("Authorization")
        if authorization:
            self._access.expect(self._access.caller(authorization), bucket, *permissions)


def _names_in_path() -> list[str]:
    """Returns the decoded names in the path of a Cloud Storage request. The path of a copy request has four names: the
    source object, the method (`copyTo` or `rewriteTo`), the target bucket and the target object. The path of any other
    request has one name, the object's. The function splits the path before it decodes the names, because object names
    can contain encoded slashes.
    """
    parts = request.environ["REQUEST_URI"].partition("?")[0].partition("/storage/v1/b/")[2].split("/")
    chosen = {3: parts[2:], 8: [parts[2], parts[3], parts[5], parts[7]] if len(parts) == 8 else []}.get(len(parts))
    if chosen is None or (len(chosen) == 4 and chosen[1] not in ("copyTo", "rewriteTo")):
        raise Refused(501, f"not emulated: {request.method} {request.path}")
    return [unquote(part) for part in chosen]


def _directory(name: str, prefix: str, delimiter: str) -> str:
    """Returns the directory that takes the place of an object in a listing. The directory is the object's name up to
    and including the first delimiter after the prefix. Returns an empty string if no delimiter follows the prefix.
    """
    place = name.find(delimiter, len(prefix)) if delimiter else -1
    return name[: place + len(delimiter)] if place >= 0 else ""


def _arguments(known: frozenset[str] | set[str]) -> Mapping[str, str]:
    """Returns the query parameters of a request, without those whose value is empty or `false`. These are the default
    values, and Google's library for Go sends every parameter of a method. Raises Refused for a parameter that is not
    emulated.
    """
    given = {name: value for name, value in request.args.items() if value not in ("", "false")}
    unknown = sorted(given.keys() - known - _PLAIN)
    if unknown:
        raise Refused(501, f"not emulated: {', '.join(unknown)} of {request.method} {request.path}")
    return given


def _is_true(arguments: Mapping[str, str], name: str) -> bool:
    return arguments.get(name, "").lower() == "true"


def _body(*, optional: bool = False) -> Json:
    text = request.get_data()
    try:
        given: object = json.loads(text or (b"{}" if optional else b""))
    except ValueError:
        given = None
    if not isinstance(given, dict):
        raise Refused(400, "Invalid JSON payload received")
    return cast(Json, given)


def _without_none(fields: Mapping[str, object]) -> Json:
    """Returns the fields of a JSON request without null values, at any depth. The Cloud Storage API treats null as
    absent."""
    inner = {
        name: _without_none(cast(Json, value)) if isinstance(value, dict) else value for name, value in fields.items()
    }
    return {name: value for name, value in inner.items() if value is not None}
