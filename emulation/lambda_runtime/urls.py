"""Serves the URLs of Lambda functions: a request invokes the function whose URL has the requested host name.

The server treats each request as if it had arrived over TLS. When the edge worker requests an unknown host name, the
server answers with the error that Cloudflare gives for a host name without an IP address. The server never forwards
such a request to the internet.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any

import httpx
from flask import Flask, Response, request

from emulation.lambda_runtime.feed import Invoke
from emulation.lambda_runtime.instance import FunctionError

_HOP_BY_HOP = frozenset(
    {"connection", "content-encoding", "content-length", "date", "host", "server", "transfer-encoding"}
)
_log = logging.getLogger(__name__)


def create_app(function_of: Callable[[str], str | None], invoke: Invoke, services: str = "") -> Flask:
    """Returns the WSGI application that serves the URLs of Lambda functions. `function_of` returns the ARN of the
    function at a host name, or None. `services` is the URL of the emulated Cloud Run, which serves host names that end
    with `.run.app`."""
    app = Flask(__name__)

    @app.route("/", defaults={"path": ""}, methods=["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD"])
    @app.route("/<path:path>", methods=["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD"])
    def answer(path: str) -> Response:
        function = function_of(_host())
        if function is None:
            return _service(services) if _host().endswith(".run.app") else Response("error code: 1016\n", 530)
        try:
            return _answer(invoke(function, _event()))
        except FunctionError as error:
            _log.error("%s", error)
            return Response("Internal Server Error", 502)

    return app


def _host() -> str:
    return request.host.split(":")[0]


def _service(services: str) -> Response:
    headers = {name: value for name, value in request.headers.items() if name.lower() not in _HOP_BY_HOP}
    try:
        answer = httpx.request(
            request.method,
            f"{services}{request.full_path}",
            headers={**headers, "Host": request.host},
            content=request.get_data(),
            timeout=60,
            trust_env=False,
        )
    except httpx.HTTPError as error:
        _log.error("the emulated Cloud Run does not answer: %s", error)
        return Response("error code: 1016\n", 530)
    kept = {name: value for name, value in answer.headers.items() if name.lower() not in _HOP_BY_HOP}
    return Response(answer.content, answer.status_code, kept)


def _event() -> dict[str, Any]:
    """Returns the current HTTP request as a Lambda event in payload format 2.0 (AWS Lambda, "Invoking Lambda function
    URLs"). The event has only the fields that this project's handlers read."""
    return {
        "version": "2.0",
        "rawPath": request.path,
        "rawQueryString": request.query_string.decode(),
        "headers": {name.lower(): value for name, value in request.headers.items()},
        "requestContext": {"domainName": request.host, "http": {"method": request.method, "path": request.path}},
        "body": request.get_data(as_text=True),
        "isBase64Encoded": False,
    }


def _answer(result: Any) -> Response:
    if not isinstance(result, dict) or "statusCode" not in result:
        return Response(json.dumps(result), content_type="application/json")
    return Response(result.get("body", ""), result["statusCode"], result.get("headers", {}))  # pyright: ignore[reportUnknownArgumentType, reportUnknownMemberType]
