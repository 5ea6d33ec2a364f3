"""Emulates Google's metadata server: returns to each client its service account, and issues tokens of this account.

Google's server identifies a machine by its network interface. In the emulation, each client has a metadata server with
an address of its own. Google's libraries read this address from the environment variable GCE_METADATA_HOST. Reference:
Compute Engine, "About VM metadata".
"""

from __future__ import annotations

import ipaddress
import threading
from collections.abc import Callable
from typing import Any, cast

from flask import Flask, Response, jsonify, request
from werkzeug.serving import make_server

from emulation.gcp.catalog import Refused
from emulation.gcp.tokens import CERTS_PATH, LIFE_SECONDS, Account, Tokens
from emulation.layout import METADATA_PORT
from emulation.state_store import StateStore

# The path below which clients of the metadata server are registered. PUT `<path>/<name>` with the body
# `{"serviceAccount": "<email>"}` starts a server for the client, and answers with the server's address, `{"host":
# "<address>:<port>"}`. DELETE stops this server.
CLIENTS_PATH = "/_artifact-edge/metadata-clients"

_KIND = "metadata-client"
_ACCOUNT = "/computeMetadata/v1/instance/service-accounts/default"
_SCOPE = "https://www.googleapis.com/auth/cloud-platform"

Stop = Callable[[], None]
Listen = Callable[[str, Flask], Stop]


def listen(address: str, app: Flask) -> Stop:
    """Starts the metadata server of one client. The server runs the web application `app`. It listens on the IP address
    `address`, which no other metadata server has, and on the port METADATA_PORT. Returns a function that stops the
    server.
    """
    server = make_server(address, METADATA_PORT, app, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()

    def stop() -> None:
        server.shutdown()
        server.server_close()

    return stop


class MetadataServers:
    """The emulated Google metadata servers of a sandbox, one for each registered client. The list of clients is stored
    on disk. After a restart of the emulated cloud, each client therefore has its metadata server again.
    """

    def __init__(self, store: StateStore, network: str, listen: Listen = listen) -> None:
        self._store = store
        self._tokens = Tokens(store)
        self._network = ipaddress.ip_network(network)
        self._listen = listen
        self._lock = threading.Lock()
        self._running: dict[str, Stop] = {}
        for client in store.all(_KIND):
            self._run(client)

    def add_to(self, app: Flask) -> None:
        """Adds endpoints to `app`, the emulated Google Cloud API. Two endpoints register and remove clients of the
        metadata server. Another endpoint serves the public keys that verify Google's identity tokens.
        """
        path = f"{CLIENTS_PATH}/<name>"
        app.add_url_rule(path, "put client", self._put, methods=["PUT"])
        app.add_url_rule(path, "delete client", self._delete, methods=["DELETE"])
        app.add_url_rule(CERTS_PATH, "public keys", view_func=lambda: jsonify(self._tokens.public_keys()))

    def _put(self, name: str) -> Response:
        given: Any = request.get_json(force=True, silent=True)
        email = cast("dict[str, Any]", given).get("serviceAccount") if isinstance(given, dict) else None
        if not isinstance(email, str) or not email:
            raise Refused(400, f"{CLIENTS_PATH}/{name} requires a serviceAccount, an e-mail address")
        with self._lock:
            known = self._store.get(_KIND, "", name)
            client = {
                "name": name,
                "address": known["address"] if known else self._free_address(),
                "serviceAccount": email,
            }
            self._store.put(_KIND, "", name, client)
            if name not in self._running:
                self._run(client)
        return jsonify({"host": f"{client['address']}:{METADATA_PORT}"})

    def _delete(self, name: str) -> Response:
        with self._lock:
            self._store.remove(_KIND, "", name)
            stop = self._running.pop(name, None)
        if stop is not None:
            stop()
        return jsonify({})

    def _free_address(self) -> str:
        taken = {client["address"] for client in self._store.all(_KIND)}
        free = next((str(host) for host in self._network.hosts() if str(host) not in taken), None)
        if free is None:
            raise Refused(429, "no address is free for another client of the metadata server")
        return free

    def _run(self, client: dict[str, Any]) -> None:
        name = client["name"]
        self._running[name] = self._listen(client["address"], metadata_app(self._tokens, lambda: self._email(name)))

    def _email(self, name: str) -> str:
        return (self._store.get(_KIND, "", name) or {}).get("serviceAccount", "")


def metadata_app(tokens: Tokens, email: Callable[[], str]) -> Flask:
    """Returns the web application of one client's metadata server. `email` returns the email address of the client's
    service account. Each request calls `email` again, because the client can get another service account.
    """
    app = Flask(__name__)

    def flavored() -> Response | None:
        if request.path == "/":
            return None
        if request.headers.get("Metadata-Flavor") != "Google":
            return Response("Missing Metadata-Flavor:Google header.\n", 403)
        if "X-Forwarded-For" in request.headers:
            return Response("X-Forwarded-For is not accepted: the request came through a proxy.\n", 403)
        return None

    def account() -> Account:
        found = tokens.account(email())
        if found is None:
            raise Refused(404, f"the service account {email() or '(none)'} does not exist")
        return found

    def identity() -> str:
        audience = request.args.get("audience")
        if not audience:
            raise Refused(400, "non-empty audience parameter required")
        return tokens.identity(account(), audience, full=request.args.get("format") == "full")

    def token() -> Response:
        body = {"access_token": tokens.access(account()), "expires_in": LIFE_SECONDS - 1, "token_type": "Bearer"}
        return jsonify(body)

    def summary() -> Response:
        """Answers a client's request for a summary of its service account, which Google's libraries send with
        `?recursive=true`.
        """
        return jsonify({"aliases": ["default"], "email": account().email, "scopes": [_SCOPE]})

    app.before_request(flavored)
    app.after_request(_add_flavor_header)
    app.register_error_handler(Refused, lambda error: Response(f"{error}\n", cast(Refused, error).status))
    views: dict[str, Callable[[], Response | str]] = {
        "/": lambda: "computeMetadata/\n",
        f"{_ACCOUNT}/": summary,
        f"{_ACCOUNT}/email": lambda: account().email,
        f"{_ACCOUNT}/identity": identity,
        f"{_ACCOUNT}/token": token,
        "/computeMetadata/v1/project/project-id": lambda: _project(account().email),
    }
    for path, view in views.items():
        app.add_url_rule(path, path, view)
    return app


def _add_flavor_header(response: Response) -> Response:
    response.headers["Metadata-Flavor"] = "Google"
    return response


def _project(email: str) -> str:
    """Returns the project's name from the email address of a service account,
    `<name>@<project>.iam.gserviceaccount.com`."""
    return email.partition("@")[2].removesuffix(".iam.gserviceaccount.com")
