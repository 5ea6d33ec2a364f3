"""Builds the responses of Cloudflare's API v4, which all have the form {success, errors, messages, result}. Also reads
and checks the bodies of requests to this API.

Source: developers.cloudflare.com/fundamentals/api/reference.
"""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Sequence
from typing import Any

from flask import Response, jsonify, request

Json = dict[str, Any]


class ApiError(Exception):
    """Raised when the emulated Cloudflare API refuses a request. `status` is the HTTP status, and `code` is
    Cloudflare's error number.
    """

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


def success(result: Any, *, result_info: Json | None = None) -> Response:
    answer: Json = {"success": True, "errors": [], "messages": [], "result": result}
    if result_info is not None:
        answer["result_info"] = result_info
    return jsonify(answer)


def failure(error: ApiError) -> tuple[Response, int]:
    errors = [{"code": error.code, "message": error.message}]
    return jsonify({"success": False, "errors": errors, "messages": [], "result": None}), error.status


def page(items: Sequence[Any], *, per_page: int = 100) -> Response:
    """Returns an API response with one page of a list. The request's parameters `page` and `per_page` select the
    items."""
    number = max(1, request.args.get("page", 1, int))
    size = max(1, request.args.get("per_page", per_page, int))
    shown = items[(number - 1) * size : number * size]
    pages = -(-len(items) // size)
    info = {"page": number, "per_page": size, "count": len(shown), "total_count": len(items), "total_pages": pages}
    return success(list(shown), result_info=info)


def body() -> Json:
    """Returns the JSON object in the request body. Raises ApiError when the body is not a JSON object."""
    given = request.get_json(force=True, silent=True)
    if not isinstance(given, dict):
        raise ApiError(400, 9207, "Request body is invalid: a JSON object is expected.")
    return given  # pyright: ignore[reportUnknownVariableType]


def take(given: Json, *, required: Sequence[str] = (), optional: Sequence[str] = ()) -> Json:
    """Checks the names of the members in a JSON object from an API request, and returns the object unchanged.

    Raises ApiError when a required member is missing or a member is not emulated.
    """
    missing = [name for name in required if given.get(name) in (None, "")]
    if missing:
        raise ApiError(400, 9207, f"Request body is invalid: {', '.join(missing)} is required.")
    unknown = sorted(set(given) - set(required) - set(optional))
    if unknown:
        raise ApiError(501, 10405, f"not emulated: {request.method} {request.path} with {', '.join(unknown)}")
    return given


def new_id() -> str:
    """Returns a new random identifier in Cloudflare's format: 32 hexadecimal digits."""
    return uuid.uuid4().hex


def now() -> str:
    """Returns the current time in UTC, in RFC 3339 format with microseconds."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
