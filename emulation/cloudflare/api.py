"""Serves the emulated REST API v4 of Cloudflare for one account: authentication, errors, and all endpoints.

A request that is not emulated gets status 501 and a message with the request's method and path.
"""

from __future__ import annotations

import threading

from flask import Blueprint, Flask, Response, request
from werkzeug.exceptions import HTTPException, InternalServerError

from emulation.cloudflare import (
    certificates,
    custom_hostnames,
    kv,
    observability,
    rulesets,
    scripts,
    zone_settings,
    zones,
)
from emulation.cloudflare.deployment import Edge, EdgeError, NoPops, deployment
from emulation.cloudflare.envelope import ApiError, failure, new_id, success
from emulation.state_store import StateStore

PREFIX = "/client/v4"

# The addresses of Cloudflare's edge, which Cloudflare publishes at www.cloudflare.com/ips-v4 and /ips-v6. They have not
# changed since 2021-09.
IPV4 = [
    "173.245.48.0/20",
    "103.21.244.0/22",
    "103.22.200.0/22",
    "103.31.4.0/22",
    "141.101.64.0/18",
    "108.162.192.0/18",
    "190.93.240.0/20",
    "188.114.96.0/20",
    "197.234.240.0/22",
    "198.41.128.0/17",
    "162.158.0.0/15",
    "104.16.0.0/13",
    "104.24.0.0/14",
    "172.64.0.0/13",
    "131.0.72.0/22",
]
IPV6 = [
    "2400:cb00::/32",
    "2606:4700::/32",
    "2803:f800::/32",
    "2405:b500::/32",
    "2405:8100::/32",
    "2a06:98c0::/29",
    "2c0f:f248::/32",
]


def create_app(
    store: StateStore,
    edge: Edge | None = None,
    resolve: custom_hostnames.Resolver = custom_hostnames.no_dns,
    invocations: observability.Invocations | None = None,
) -> Flask:
    """Returns the WSGI application of the emulated Cloudflare API.

    `edge` is the edge network that runs deployed worker scripts; if it is None, the scripts are only stored. `resolve`
    looks names up in public DNS, to validate custom hostnames. `invocations` holds the invocations of worker scripts
    that PoPs have reported to Workers Observability.
    """
    app = Flask(__name__)
    app.url_map.merge_slashes = False
    # A value in Workers KV can be as large as 25 MiB, so the API removes Flask's limit on the size of form fields. The
    # module kv.py checks the size of each value.
    app.config["MAX_FORM_MEMORY_SIZE"] = None
    pops = edge or NoPops()
    turn = threading.Lock()

    def converge() -> None:
        with turn:
            pops.converge(deployment(store))

    api = Blueprint("api", __name__, url_prefix=PREFIX)
    api.before_request(_authenticate)
    api.add_url_rule("/ips", view_func=_ips)
    api.add_url_rule("/user/tokens/verify", view_func=_verify_token)
    api.register_blueprint(kv.blueprint(store))
    api.register_blueprint(certificates.blueprint(store))
    api.register_blueprint(zones.blueprint(store, converge))
    api.register_blueprint(zones.registrar(store, converge))
    api.register_blueprint(custom_hostnames.blueprint(store, resolve, converge))
    api.register_blueprint(zone_settings.blueprint(store, converge))
    api.register_blueprint(rulesets.blueprint(store, converge))
    for blueprint in scripts.blueprints(store, pops, converge):
        api.register_blueprint(blueprint)
    api.register_blueprint(observability.blueprint(invocations or observability.Invocations()))
    app.register_blueprint(api)
    app.add_url_rule("/healthz", view_func=lambda: "ok\n")
    app.register_error_handler(ApiError, failure)
    app.register_error_handler(EdgeError, _edge_failed)
    app.register_error_handler(HTTPException, _not_emulated)
    return app


def _authenticate() -> None:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if request.path != f"{PREFIX}/ips" and not (scheme == "Bearer" and token.strip()):
        raise ApiError(403, 10000, "Authentication error: a bearer token is expected (any will do here)")


def _ips() -> Response:
    return success({"ipv4_cidrs": IPV4, "ipv6_cidrs": IPV6, "etag": "38f79d050aa027e3be3865e495dcc9bc"})


def _verify_token() -> Response:
    return success({"id": new_id(), "status": "active"})


def _edge_failed(error: EdgeError) -> tuple[Response, int]:
    return failure(ApiError(500, 10013, f"the emulated edge network: {error}"))


def _not_emulated(error: HTTPException) -> tuple[Response, int]:
    if error.code in (404, 405):
        return failure(ApiError(501, 10405, f"not emulated: {request.method} {request.path}"))
    if isinstance(error, InternalServerError) and error.original_exception is not None:
        return failure(ApiError(500, 10001, f"fault of the emulated Cloudflare: {error.original_exception!r}"))
    return failure(ApiError(error.code or 500, 10001, error.description or "unknown error"))
