"""Serves the emulated Cloudflare of one sandbox until the process is ended: `python -m emulation.cloudflare --directory
DIR`."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from werkzeug.serving import WSGIRequestHandler, make_server

from emulation.cloudflare import kv_service
from emulation.cloudflare.api import create_app
from emulation.cloudflare.deployment import EdgeError, deployment
from emulation.cloudflare.pops import Pops, kv_secret
from emulation.cloudflare.public_dns import PublicDns
from emulation.layout import CLOUDFLARE_PORT, Sandbox
from emulation.state_store import StateStore

WsgiApp = Callable[[dict[str, Any], Any], Iterable[bytes]]


class _Handler(WSGIRequestHandler):
    """Handles HTTP requests to the emulated Cloudflare. Connections stay open, because workers send many requests.

    Requests are not logged, because they contain keys and names that do not belong in a log.
    """

    protocol_version = "HTTP/1.1"

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        pass


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m emulation.cloudflare", description=__doc__)
    parser.add_argument("--directory", type=Path, required=True, help="the sandbox's directory")
    sandbox = Sandbox(directory=parser.parse_args().directory.resolve())
    store = StateStore(sandbox.path("cloudflare", "state.sqlite"))
    try:
        pops = Pops(sandbox)
        serve(sandbox, store, pops)
    except EdgeError as error:
        sys.exit(f"emulation.cloudflare: {error}")


def serve(sandbox: Sandbox, store: StateStore, pops: Pops) -> None:
    """Serves the Cloudflare API and the Workers KV service of the PoPs until SIGTERM or SIGINT. Then stops the PoPs."""
    application = _either(
        create_app(store, pops, PublicDns(sandbox.aws_url)), kv_service.create_service(store, kv_secret(sandbox))
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


def _either(api: WsgiApp, kv: WsgiApp) -> WsgiApp:
    """Returns an application that serves the Cloudflare API and the Workers KV service at one address.

    A request that names a KV namespace in a header comes from a PoP and goes to the KV service.
    """
    name = "HTTP_" + kv_service.NAMESPACE_HEADER.upper().replace("-", "_")
    return lambda environ, start: (kv if name in environ else api)(environ, start)


main()
