"""Serves the emulated Cloudflare of one sandbox (a set of emulated clouds) until the process is ended: `python -m
emulation.cloudflare --directory DIR`.
"""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from werkzeug.serving import WSGIRequestHandler, make_server

from emulation.cloudflare import kv_reads, kv_service, observability, origin_failures, workers_cache
from emulation.cloudflare.api import create_app
from emulation.cloudflare.deployment import EdgeError, deployment
from emulation.cloudflare.l1 import CONNECT_SECONDS
from emulation.cloudflare.pops import Pops, kv_secret
from emulation.cloudflare.public_dns import PublicDns
from emulation.layout import CLOUDFLARE_PORT, DNS_PORT, Sandbox
from emulation.pki import public_authorities
from emulation.state_store import StateStore

WsgiApp = Callable[[dict[str, Any], Any], Iterable[bytes]]


class _Handler(WSGIRequestHandler):
    """Reads HTTP requests to the emulated Cloudflare, and writes the responses. The class keeps connections open,
    because workers send many requests.

    The class does not log requests, because their URLs contain data that does not belong in a log, such as the keys of
    Workers KV entries.
    """

    protocol_version = "HTTP/1.1"

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        pass


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m emulation.cloudflare", description=__doc__)
    parser.add_argument("--directory", type=Path, required=True, help="the sandbox's directory")
    parser.add_argument(
        "--connect-seconds",
        type=int,
        default=CONNECT_SECONDS,
        help="the time after which a PoP gives up a connection to a shield",
    )
    given = parser.parse_args()
    sandbox = Sandbox(directory=given.directory.resolve())
    store = StateStore(sandbox.path("cloudflare", "state.sqlite"))
    try:
        pops = Pops(sandbox, connect_seconds=given.connect_seconds)
        serve(sandbox, store, pops)
    except EdgeError as error:
        sys.exit(f"emulation.cloudflare: {error}")


def serve(sandbox: Sandbox, store: StateStore, pops: Pops) -> None:
    """Serves the emulated Cloudflare API, and the services that PoPs use, until the process receives SIGTERM or SIGINT.
    Then stops the PoPs.
    """
    secret, cache = kv_secret(sandbox), workers_cache.WorkersCache(store, pops.purge)
    reads = kv_reads.KvReads(store)
    failures = origin_failures.create_service(
        origin_failures.resolver(sandbox.dns_address, DNS_PORT),
        public_authorities(sandbox.path("pki", "public.pem").parent),
        secret,
    )
    invocations = observability.Invocations()
    api = create_app(store, pops, PublicDns(sandbox.aws_url), invocations)
    api.register_blueprint(kv_reads.control(reads))
    application = _by_header(
        api,
        {
            kv_service.NAMESPACE_HEADER: kv_service.create_service(store, reads, secret),
            origin_failures.HEADER: failures,
            observability.HEADER: observability.create_service(invocations, secret),
            workers_cache.CACHE_HEADER: workers_cache.create_service(cache, secret),
        },
    )
    server = make_server(
        sandbox.cloudflare_address, CLOUDFLARE_PORT, application, threaded=True, request_handler=_Handler
    )

    def stop(*_: object) -> None:
        threading.Thread(target=server.shutdown).start()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    try:
        pops.converge(deployment(store))
        server.serve_forever()
    finally:
        pops.stop()
        store.close()


def _by_header(api: WsgiApp, services: Mapping[str, WsgiApp]) -> WsgiApp:
    """Returns a WSGI application that serves both the Cloudflare API and the services for PoPs at one address.

    `services` maps the name of an HTTP header to a service for PoPs. The application passes each request with one of
    these headers to the header's service. It passes all other requests to the Cloudflare API.
    """
    named = {"HTTP_" + header.upper().replace("-", "_"): service for header, service in services.items()}

    def serve_one(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        chosen = next((service for name, service in named.items() if name in environ), api)
        return chosen(environ, start)

    return serve_one


main()
