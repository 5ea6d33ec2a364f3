"""Attacks on an edge, as raw bytes that HTTP libraries refuse to send. The same attacks run against each edge network:
the emulated Cloudflare, and a PoP of our own.

An edge refuses an attack in one of two ways. Either it gives a single answer with a 4xx or 5xx status, or it ends the
connection without an answer. A second answer would show that the edge found a hidden request in the attack.
"""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from tests.support.http2 import reset_streams
from tests.support.registry_requests import REFUSED, SERVED

_ANSWER = re.compile(rb"HTTP/1\.1 (\d{3}) [^\r\n]*\r\n((?:[^\r\n]+\r\n)*)\r\n")
_FIRST_SECONDS = 30  # The edge must answer or end the connection within this number of seconds.
# After a client has an answer to each of its requests, it waits this many seconds for one more answer. One more answer
# would mean that the edge took a part of a request for a request of its own (request smuggling).
_NEXT_SECONDS = 2


@dataclass
class Exchange:
    """The result of one connection to an edge. It holds the status and header fields of each answer, and whether the
    edge ended the connection.
    """

    answers: Sequence[tuple[int, bytes]] = ()
    is_ended: bool = False

    @property
    def statuses(self) -> Sequence[int]:
        return [status for status, _ in self.answers]


@dataclass(frozen=True)
class Edge:
    """The HTTPS address of a PoP, and the loopback address from which the client connects to it."""

    address: tuple[str, int]
    hostname: str
    authority: Path
    client: str
    context: ssl.SSLContext = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "context", ssl.create_default_context(cafile=str(self.authority)))

    @contextlib.contextmanager
    def connected(self) -> Generator[ssl.SSLSocket]:
        with (
            socket.create_connection(self.address, timeout=60, source_address=(self.client, 0)) as plain,
            self.context.wrap_socket(plain, server_hostname=self.hostname) as connection,
        ):
            yield connection

    def send(self, sent: bytes, requests: int = 1) -> Exchange:
        """Opens a connection and sends the given bytes, which contain `requests` requests. Returns the edge's answers,
        and whether the edge ended the connection.
        """
        received, made = b"", Exchange()
        with self.connected() as connection:
            try:
                connection.sendall(sent)
                connection.settimeout(_FIRST_SECONDS)
                while part := connection.recv(1 << 16):
                    received += part
                    if len(_ANSWER.findall(received)) >= requests:
                        connection.settimeout(_NEXT_SECONDS)
                made.is_ended = True
            except TimeoutError:
                pass
            except (ConnectionError, ssl.SSLError):
                made.is_ended = True
        made.answers = [(int(status), headers) for status, headers in _ANSWER.findall(received)]
        return made

    def request(self, method: str, path: str, headers: Mapping[str, str] | None = None, body: bytes = b"") -> bytes:
        """Returns the bytes of a request whose path is exactly `path`, without any normalization. The names in
        `headers` must be in lower case.
        """
        fields = {"host": self.hostname, "connection": "close", **(headers or {})}
        lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items())]
        return "\r\n".join([*lines, "", ""]).encode() + body

    def get(self, path: str, token: str | None = None) -> Sequence[int]:
        """Sends one GET request, and returns the status of each response. The edge sends several responses only if it
        mistakes the request for several requests.
        """
        headers = {} if token is None else {"authorization": f"Bearer {token}"}
        return self.send(self.request("GET", path, headers)).statuses


def verdicts(edge: Edge) -> Mapping[str, str]:
    """Sends each attack to the edge. Returns a mapping from the name of each attack to "refused", or to a description
    of what the edge did instead.
    """
    return {name: _verdict(edge.send(sent)) for name, sent in _attacks(edge)}


def refused_requests_of_clients(edge: Edge) -> Sequence[str]:
    """Sends the same requests as real package clients. The worker would answer all of these requests. Returns a
    description of each request that the edge refuses before the worker gets it.

    A request counts as refused if the edge sends no response or several responses, or if the response has a status that
    the worker never returns to a client without a token, such as 413 or 503.
    """
    refused: list[str] = []
    for method, path, headers in SERVED:
        # Skips two kinds of requests. The first is a purge request without a signature, to which the worker itself
        # answers 403. The second is a health check whose Host is an IP address. Cloudflare has no route for an IP
        # address, so the worker never gets such a request.
        if path == "/-/purge" or "host" in headers:
            continue
        body = b"x" * int(headers.get("content-length", "0"))
        statuses = edge.send(edge.request(method, path, headers, body)).statuses
        if len(statuses) != 1 or statuses[0] in (403, 413, 414, 429, 431) or statuses[0] >= 500:
            refused.append(f"{method} {path}: {statuses}")
    return refused


@contextlib.contextmanager
def slow_clients(edge: Edge, count: int) -> Generator[Sequence[ssl.SSLSocket]]:
    """Opens connections on which clients send only the first lines of a request and no more."""
    with contextlib.ExitStack() as stack:
        connections = [stack.enter_context(edge.connected()) for _ in range(count)]
        for connection in connections:
            connection.sendall(f"GET /healthz HTTP/1.1\r\nHost: {edge.hostname}\r\n".encode())
        yield connections


def are_disconnected(connections: Sequence[ssl.SSLSocket]) -> bool:
    return all(_is_disconnected(connection) for connection in connections)


def _is_disconnected(connection: ssl.SSLSocket) -> bool:
    connection.settimeout(0.01)
    try:
        while connection.recv(1000):  # The edge may send an error before it ends the connection.
            pass
    except TimeoutError:
        return False
    except OSError:
        return True
    return True


def accepted_resets(edge: Edge) -> int:
    """Opens HTTP/2 streams, and resets each stream at once. Returns the number of streams that the edge accepts.
    Returns 0 if the edge does not support HTTP/2.
    """
    own = replace(edge)  # a copy with TLS settings of its own, so that HTTP/2 stays off for the caller's `edge`
    own.context.set_alpn_protocols(["h2", "http/1.1"])
    with own.connected() as connection:
        return reset_streams(connection) if connection.selected_alpn_protocol() == "h2" else 0


def guesses_until_slowed(edge: Edge, path: str, most: int) -> tuple[int, bytes]:
    """Sends requests from one client address, each with a different invalid token. The headers of each request claim a
    different client address. Stops at the first 429 answer, or after `most` requests.

    Returns the number of 401 answers, and the header fields of the 429 answer. Without a 429 answer, returns no header
    fields.
    """
    for number in range(most):
        claimed = f"198.51.100.{number % 250}"
        headers = {"authorization": f"Bearer guess-{number}", "cf-connecting-ip": claimed, "x-forwarded-for": claimed}
        ((status, fields),) = edge.send(edge.request("GET", path, headers)).answers
        if status == 429:
            return number, fields.lower()
        assert status == 401, status
    return most, b""


def _verdict(made: Exchange) -> str:
    if len(made.answers) > 1:
        return f"answered {made.statuses}"
    if not made.answers:
        return "refused" if made.is_ended else "kept open without an answer"
    return "refused" if made.statuses[0] >= 400 else f"served with {made.statuses[0]}"


def _attacks(edge: Edge) -> Iterator[tuple[str, bytes]]:
    for method, path, headers in REFUSED:
        large = b"x" * int(headers.get("content-length", "0"))
        yield f"{method} {path[:40]} {[*headers]}", edge.request(method, path, headers, large)
    yield "CONNECT", edge.request("CONNECT", "packages.example.com:443")
    yield "an unknown method", edge.request("FOO", "/healthz")
    yield "many headers", edge.request("GET", "/healthz", {f"x-{number}": "a" * 1000 for number in range(300)})
    chunks = b"10000\r\n" + b"a" * 0x10000 + b"\r\n"
    form = {"content-type": "application/x-www-form-urlencoded", "transfer-encoding": "chunked"}
    yield "a large chunked body", edge.request("POST", "/token", form, chunks * 8 + b"0\r\n\r\n")
    yield from _smuggling(edge)


def _smuggling(edge: Edge) -> Iterator[tuple[str, bytes]]:
    """Yields requests whose length is ambiguous, so two servers can disagree about where the request ends (RFC 9112,
    section 11.2). A server that reads the shorter length takes the rest of the bytes for a second, hidden request.
    """
    hidden = edge.request("GET", "/healthz")
    chunked = b"0\r\n\r\n" + hidden
    size = str(len(chunked))
    cases: Mapping[str, tuple[Sequence[str], bytes]] = {
        "Content-Length before Transfer-Encoding": ([f"Content-Length: {size}", "Transfer-Encoding: chunked"], chunked),
        "Transfer-Encoding before Content-Length": (["Transfer-Encoding: chunked", "Content-Length: 5"], chunked),
        "two lengths": (["Content-Length: 0", f"Content-Length: {len(hidden)}"], hidden),
        "two lengths in one field": ([f"Content-Length: 0, {len(hidden)}"], hidden),
        "a length with a sign": ([f"Content-Length: +{len(hidden)}"], hidden),
        "an unknown encoding": (["Transfer-Encoding: xchunked"], chunked),
        "a space before the colon": (["Transfer-Encoding : chunked", "Content-Length: 5"], chunked),
        "a folded line": (["Transfer-Encoding:", " chunked", "Content-Length: 5"], chunked),
        "a length that is no number of a chunk": (["Transfer-Encoding: chunked"], b"0x5\r\nhello\r\n" + chunked),
    }
    for name, (fields, body) in cases.items():
        lines = ["POST /token HTTP/1.1", f"Host: {edge.hostname}", *fields, "", ""]
        yield name, "\r\n".join(lines).encode() + body
