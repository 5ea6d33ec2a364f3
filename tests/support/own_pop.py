"""Runs the programs of a PoP machine on free loopback ports: NGINX, workerd, Traffic Server and the index of cache
tags. The module itself emulates two services: a shield (a regional cache machine) and the store of token entitlements.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import http.client
import json
import os
import shutil
import socket
import socketserver
import ssl
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, TextIO

from emulation.cloudflare.workerd import binary
from emulation.processes import listening
from infra.edge import ShieldNode
from infra.edge.bundle import compile_worker
from infra.pop import Directories, Place, PopSettings, Ports, Sources, programs
from infra.pop.machine_files import render
from infra.waf import WafArgs
from tests.support.certificates import Authority
from tests.support.free_ports import free_ports
from tests.support.waiting import eventually

ROOT = Path(__file__).parents[2]
HOSTNAME = "localhost"
KEYS = {
    name: f"{name.lower()}-of-tests" for name in ("ORIGIN_KEY", "PURGE_KEY", "TOKEN_SIGNING_KEY", "METADATA_API_KEY")
}
TRAFFIC_SERVER_USER = "trafficserver"
_DISKS = 2
_DISK_BYTES = 256 << 20  # The disks are sparse files, so they use little space.


@dataclass
class Shield:
    """Emulates a shield machine, from which a PoP requests objects. Clients must present a client certificate. They
    must also send a secret, the origin key, in a header.
    """

    objects: dict[str, bytes] = field(default_factory=dict[str, bytes])
    headers: dict[str, str] = field(default_factory=lambda: {"cache-control": "public, max-age=31536000, immutable"})
    requests: list[str] = field(default_factory=list[str])


@dataclass
class Entitlements:
    """Emulates the store from which a PoP reads token entitlements, with the protocol of workerd's KV stores."""

    entries: dict[str, bytes] = field(default_factory=dict[str, bytes])
    works: bool = True

    def grant(self, token: str, *grants: str) -> None:
        entry = {"version": 1, "principal": "alice", "expires": 4_000_000_000, "grants": grants}
        self.entries[f"token:{hashlib.sha256(token.encode()).hexdigest()}"] = json.dumps(entry).encode()

    def withdraw(self, *keys: str) -> None:
        self.entries["quarantine"] = json.dumps({"version": 1, "keys": keys}).encode()


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Front:
    """A running NGINX of a PoP. NGINX writes its error log to the file `errors`. `proxied` is the port for a load
    balancer that speaks the PROXY protocol.
    """

    port: int
    directories: Directories
    authority: Path
    errors: Path
    proxied: int = field(default=0, kw_only=True)

    def request(
        self,
        path: str,
        token: str | None = None,
        method: str = "GET",
        body: bytes | None = None,
        client: str = "127.0.0.1",
        **headers: str,
    ) -> Answer:
        """Sends a request over a new connection from the address `client`, and returns the response of NGINX."""
        context = ssl.create_default_context(cafile=str(self.authority))
        connection = http.client.HTTPSConnection(
            HOSTNAME, self.port, context=context, timeout=60, source_address=(client, 0)
        )
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if token is not None:
            sent["authorization"] = f"Bearer {token}"
        connection.request(method, path, body, sent)
        answer = connection.getresponse()
        received = Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
        connection.close()
        return received

    @contextlib.contextmanager
    def connected(self, protocol: str) -> Generator[ssl.SSLSocket]:
        """Opens a connection, on which TLS negotiates the protocol `protocol`: "http/1.1" or "h2"."""
        context = ssl.create_default_context(cafile=str(self.authority))
        context.set_alpn_protocols([protocol])
        with (
            socket.create_connection(("127.0.0.1", self.port), timeout=30) as plain,
            context.wrap_socket(plain, server_hostname=HOSTNAME) as encrypted,
        ):
            assert encrypted.selected_alpn_protocol() == protocol
            yield encrypted

    def log(self) -> list[dict[str, Any]]:
        """Returns the lines in the access log of the PoP's NGINX."""
        lines = (Path(self.directories.log) / "access.log").read_text().splitlines()
        return [json.loads(line) for line in lines]


@dataclass
class OwnPop(Front):
    shield: Shield
    entitlements: Entitlements
    kill_workers: Callable[[], None]
    kill_l1: Callable[[], None]
    check_health: Callable[[], None]

    @property
    def disks(self) -> list[Path]:
        """The files that a PoP machine uses in tests instead of its local disks."""
        return [Path(line) for line in (self.configuration / "storage.config").read_text().splitlines()]

    @property
    def configuration(self) -> Path:
        return Path(self.directories.etc)


SOURCES = Sources(
    edge_secret="artifact-edge/test/edge",
    metadata_api_secret="artifact-edge/test/metadata-api",
    purge_secret="artifact-edge/test/purge-signing",
    regions=["us-east-1"],
    home_region="us-east-1",
    certificate_parameter="/artifact-edge/test/pop-certificate",
    table="artifact-edge-test-metadata",
    table_regions=["us-east-1", "eu-west-1"],
)

# Settings of a PoP machine. Tests with these settings read the machine's files, and start none of its programs.
SETTINGS = PopSettings(
    environment="test",
    hostname="packages.example.com",
    shields=[ShieldNode("us-east-1-0.shield.example.com:8443", "us-east-1")],
    place=Place(38.9, -77.4),
    sources=SOURCES,
    serving_parameter="/artifact-edge/test/serving/pop-us-east-1-0",
)


def settings(
    root: Path,
    ports: Ports,
    shields: Sequence[ShieldNode],
    authority: str,
    waf: WafArgs | None = None,
    front_ends: Sequence[str] = (),
) -> PopSettings:
    """Returns the settings of a PoP whose directories are below `root`."""
    return PopSettings(
        environment=SETTINGS.environment,
        hostname=HOSTNAME,
        shields=shields,
        place=Place(38.9, -77.4),
        sources=SOURCES,
        serving_parameter=SETTINGS.serving_parameter,
        reserved_python_names=["acme-*"],
        processes=2,
        memory="32M",
        network="local",
        nginx_user="root",
        shield_authority=authority,
        waf=waf or WafArgs(),
        ports=ports,
        front_ends=front_ends,
        directories=Directories(*(str(root / name) for name in ("etc", "run", "cache", "log"))),
    )


def install(root: Path, pop: PopSettings, authority: Authority) -> None:
    """Writes the files of a PoP below `root`, with certificates that `authority` signs."""
    directories = pop.directories
    for name in (
        directories.etc,
        f"{directories.run}/l1",
        f"{directories.run}/health",
        f"{directories.run}/sockets",
        f"{directories.cache}/l1",
        directories.log,
    ):
        Path(name).mkdir(parents=True)
    _attach_disks(root, directories)
    for file in render(pop):
        target = Path(file.path) if file.path.startswith(directories.etc) else root / file.path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(file.content)
        target.chmod(file.permissions)
    run = Path(directories.run)
    for name, text in json.loads(programs.bundle()).items():
        directory = {".js": run, ".lua": Path(directories.etc)}.get(Path(name).suffix, root / "usr/local/bin")
        program = directory / name
        program.parent.mkdir(parents=True, exist_ok=True)
        program.write_text(text)
        program.chmod(0o755)
    (run / "worker.js").write_text(compile_worker(ROOT / "workers" / "edge"))
    for name, host in (("server", HOSTNAME), ("client", "edge")):
        certificate, key = authority.issue(host)
        (run / f"{name}.pem").write_text(certificate)
        (run / f"{name}.key").write_text(key)
    for name in ("ticket.key", "previous-ticket.key"):
        (run / name).write_bytes(os.urandom(80))
    (root / "ca.pem").write_text(authority.certificate)
    if os.geteuid() == 0:
        owned = (f"{directories.run}/l1", f"{directories.run}/health", f"{directories.cache}/l1", directories.log)
        for name in (*owned, *(root / "dev").iterdir()):
            shutil.chown(name, TRAFFIC_SERVER_USER)


def _attach_disks(root: Path, directories: Directories) -> None:
    """Creates a file for each disk. Also writes the files that the program prepare-nvme would write: the list of disks,
    and their number.
    """
    (root / "dev").mkdir()
    disks = [root / "dev" / f"disk-{number}" for number in range(_DISKS)]
    for disk in disks:
        disk.touch()
        os.truncate(disk, _DISK_BYTES)
    (Path(directories.etc) / "storage.config").write_text("".join(f"{disk}\n" for disk in disks))
    (Path(directories.etc) / "disks").write_text(f"{_DISKS}\n")


def _check_health(root: Path, directories: Directories) -> None:
    """Runs `check-health`. On a PoP machine, a systemd timer runs this program every 10 s."""
    program = root / "usr/local/bin/check-health"
    user = TRAFFIC_SERVER_USER if os.geteuid() == 0 else None
    subprocess.run([program, directories.etc, f"{directories.run}/health/l1"], user=user, check=True)


def _configure_nginx(pop: PopSettings, changes: Mapping[str, str]) -> Path:
    """Edits the PoP's NGINX configuration, and returns the path of the configuration file. `changes` maps strings in
    the file to their replacements.
    """
    file = Path(pop.directories.etc) / "nginx.conf"
    for before, after in changes.items():
        assert before in file.read_text()
        file.write_text(file.read_text().replace(before, after))
    return file


@contextlib.contextmanager
def running_front(waf: WafArgs, header_seconds: int = 10, front_ends: Sequence[str] = ()) -> Generator[Front]:
    """Starts the NGINX of a PoP, with all its files in a temporary directory. The PoP has no L1 (the cache at the
    edge). A stub replaces the edge worker: it answers each request with status 200 and the path and query of the URL.
    NGINX disconnects clients that do not send all headers of a request within `header_seconds`. `front_ends` are the
    networks of a load balancer that speaks the PROXY protocol.
    """
    with tempfile.TemporaryDirectory(prefix="artifact-edge-front-") as name:
        yield from _running_front(Path(name), waf, header_seconds, front_ends)


def _running_front(root: Path, waf: WafArgs, header_seconds: int, front_ends: Sequence[str]) -> Generator[Front]:
    authority = Authority("tests")
    https, misses, proxied = free_ports(3)
    nodes = [ShieldNode("localhost:8443", "us-east-1")]
    # L1 (the cache at the edge) does not run in this test. NGINX normally sends a health request through L1 back to
    # itself. Here, NGINX sends it to itself directly.
    ports = Ports(https=https, l1=misses, misses=misses, proxied=proxied)
    pop = settings(root, ports, nodes, authority.certificate, waf, front_ends)
    install(root, pop, authority)
    (Path(pop.directories.run) / "health" / "l1").touch()
    configuration = _configure_nginx(pop, {"client_header_timeout 10s;": f"client_header_timeout {header_seconds}s;"})
    sockets = Path(pop.directories.run) / "sockets"
    with contextlib.ExitStack() as stack:
        for number in range(pop.processes):
            stack.enter_context(_serving_worker(sockets / f"decisions-{number}.sock", 401))
            stack.enter_context(_serving_worker(sockets / f"worker-{number}.sock", 200))
        errors = stack.enter_context((root / "errors").open("w"))
        _run(["nginx", "-c", str(configuration)], {}, None, errors, root, stack)
        assert eventually(lambda: listening("127.0.0.1", https)), (root / "errors").read_text()
        yield Front(https, pop.directories, root / "ca.pem", root / "errors", proxied=proxied)


@contextlib.contextmanager
def running_pop(root: Path, waf: WafArgs | None = None, nginx: Mapping[str, str] | None = None) -> Generator[OwnPop]:
    """Starts a PoP below the directory `root`. All users must be able to enter the parent directories of `root`.

    `nginx` maps strings in NGINX's configuration to their replacements.
    """
    authority = Authority("tests")
    shield, entitlements = Shield(), Entitlements()
    with contextlib.ExitStack() as stack:
        shield_port = stack.enter_context(serving_shield(root, authority, shield))
        store_port = stack.enter_context(_serving(_store_handler(entitlements)))
        https, l1, misses, purges = free_ports(4)
        nodes = [ShieldNode(f"localhost:{shield_port}", "us-east-1")]
        pop = settings(root, Ports(https, l1, misses, purges, store_port), nodes, authority.certificate, waf)
        install(root, pop, authority)
        _configure_nginx(pop, nginx or {})
        started = _start(root, pop, stack)
        workers = started[1 : 1 + pop.processes]
        yield OwnPop(
            port=https,
            directories=pop.directories,
            authority=root / "ca.pem",
            errors=root / "errors",
            shield=shield,
            entitlements=entitlements,
            kill_workers=lambda: _end(workers),
            kill_l1=lambda: _end(started[1 + pop.processes : 2 + pop.processes]),
            check_health=lambda: _check_health(root, pop.directories),
        )


@contextlib.contextmanager
def serving_shield(root: Path, authority: Authority, shield: Shield) -> Generator[int]:
    """Serves the emulated shield's objects on a free port, and yields the port. `authority` signs all certificates."""
    certificate, key = authority.issue("localhost")
    with _serving(_shield_handler(shield), _server_tls(root, authority, certificate, key)) as port:
        yield port


def _start(root: Path, pop: PopSettings, stack: contextlib.ExitStack) -> list[subprocess.Popen[bytes]]:
    directories, ports = pop.directories, pop.ports
    local = root / "usr/local"
    tags = f"{directories.cache}/tags.db"
    commands: list[tuple[list[str], dict[str, str], str | None]] = [
        ([str(local / "bin/serve-purges"), tags, str(ports.purges), str(ports.l1)], {}, None),
    ]
    worker = {"WORKERD": str(binary().resolve()), "VERSION": "the-version", **KEYS}
    sockets = Path(directories.run) / "sockets"
    for number in range(pop.processes):
        commands.append(([str(local / "bin/run-worker"), directories.etc, str(sockets), str(number)], worker, None))
    user = TRAFFIC_SERVER_USER if os.geteuid() == 0 else None
    commands.append((["traffic_manager"], {"TS_RUNROOT": f"{directories.etc}/runroot.yaml"}, user))
    commands.append((["nginx", "-c", f"{directories.etc}/nginx.conf"], {}, None))
    errors = stack.enter_context((root / "errors").open("w"))
    processes = [
        _run(command, environment, owner, errors, Path(directories.etc), stack)
        for command, environment, owner in commands
    ]
    expected_ports = [ports.https, ports.l1, ports.misses, ports.purges]
    workers = [sockets / f"worker-{number}.sock" for number in range(pop.processes)]

    def works() -> bool:
        _check_health(root, directories)
        expected = [*workers, Path(directories.run) / "health" / "l1"]
        return all(listening("127.0.0.1", port) for port in expected_ports) and all(each.exists() for each in expected)

    is_up = eventually(works)
    assert is_up, (root / "errors").read_text()
    return processes


def _run(
    command: Sequence[str],
    environment: Mapping[str, str],
    owner: str | None,
    errors: TextIO,
    directory: Path,
    stack: contextlib.ExitStack,
) -> subprocess.Popen[bytes]:
    """Starts a program of a PoP as the user `owner`. Ends the program when the exit stack `stack` closes."""
    process = subprocess.Popen(
        command, env={**os.environ, **environment}, user=owner, stdout=errors, stderr=errors, cwd=directory
    )
    stack.callback(_end, [process])
    return process


def _end(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        process.terminate()
    for process in processes:
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


class _StubServer(socketserver.ThreadingUnixStreamServer):
    # The maximum number of connections that wait for this stub of the edge worker. If more connections wait, NGINX
    # answers 502.
    request_queue_size = 1024
    daemon_threads = True


@contextlib.contextmanager
def _serving_worker(path: Path, status: int) -> Generator[None]:
    """Runs a stub of the edge worker on the Unix socket `path`. The stub answers all requests with the HTTP status
    `status`. The body of a 200 response is the path and query of the request's URL. Bodies of other responses are
    empty.
    """
    with _StubServer(str(path), _stub_worker_handler(status)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield
        server.shutdown()


def _stub_worker_handler(status: int) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_one_request(self) -> None:
            self.raw_requestline = self.rfile.readline(65537)
            if not self.raw_requestline or not self.parse_request():
                self.close_connection = True
                return
            self.rfile.read(int(self.headers.get("Content-Length", "0")))
            body = b"" if self.command == "HEAD" or status != 200 else self.path.encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None: ...

    return Handler


def _server_tls(root: Path, authority: Authority, certificate: str, key: str) -> ssl.SSLContext:
    root.mkdir(parents=True, exist_ok=True)
    (root / "shield.pem").write_text(certificate + key)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cadata=authority.certificate)
    tls.verify_mode = ssl.CERT_REQUIRED
    tls.load_cert_chain(root / "shield.pem")
    return tls


class _Server(ThreadingHTTPServer):
    # At most this many connections can wait until the server accepts them. Further clients must try again a second
    # later.
    request_queue_size = 1024


@contextlib.contextmanager
def _serving(handler: type[BaseHTTPRequestHandler], tls: ssl.SSLContext | None = None) -> Generator[int]:
    server = _Server(("127.0.0.1", 0), handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()


def _shield_handler(shield: Shield) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            shield.requests.append(self.path)
            if self.headers.get("X-Artifact-Edge-Key") != KEYS["ORIGIN_KEY"]:
                self._answer(403, b"", {})
                return
            body = shield.objects.get(self.path)
            if body is None:
                self._answer(404, b"", {})
                return
            etag = f'"{hashlib.sha256(body).hexdigest()}"'
            headers = {"etag": etag, "content-type": "application/octet-stream", **shield.headers}
            is_current = self.headers.get("If-None-Match") == etag
            self._answer(304 if is_current else 200, b"" if is_current else body, headers)

        def _answer(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            if status != 304:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None: ...

    return Handler


def _store_handler(entitlements: Entitlements) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            key = self.path[1:].partition("?")[0].replace("%3A", ":")
            value = entitlements.entries.get(key)
            status = 500 if not entitlements.works else 404 if value is None else 200
            body = value if status == 200 and value is not None else b""
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None: ...

    return Handler


def sign(body: bytes) -> str:
    """Returns the signature of a purge request (docs/contracts.md, "Between the tiers")."""
    now = int(time.time())
    mac = hmac.new(KEYS["PURGE_KEY"].encode(), f"{now}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={now},v1={mac}"
