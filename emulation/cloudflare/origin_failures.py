"""A service that tells the PoPs why an origin does not answer a worker's fetch. The service gives the reason as one of
Cloudflare's own HTTP status codes, such as 521.

To find the reason, the service connects to the origin again, because Traffic Server reports all failures alike. Source:
Cloudflare's documentation, support/troubleshooting/http-status-codes/cloudflare-5xx-errors, errors 520, 521, 522, 525,
526 and 530.
"""

from __future__ import annotations

import hmac
import socket
import ssl
from collections.abc import Callable
from typing import Any, cast

import dns.exception
import dns.message
import dns.query
import dns.rdatatype
from flask import Flask, request

from emulation.cloudflare.kv_service import SECRET_HEADER

HEADER = "X-Edge-Failures"
_TIMEOUT_SECONDS = 5.0

# A function that takes a host name and returns one of its IP addresses, or None if the name has no address.
Resolver = Callable[[str], str | None]


def create_service(resolve: Resolver, authorities: bytes, secret: str) -> Flask:
    """Returns a WSGI application that finds out why an origin does not answer. A PoP sends the host name and the port
    of the origin. The response contains the HTTP status with which Cloudflare reports this failure to clients.

    Requests must contain `secret` in the header X-Edge-Secret. `authorities` contains the certificates of the
    authorities that Cloudflare trusts, in PEM form.
    """
    service = Flask(__name__)

    @service.before_request
    def authenticate() -> tuple[str, int] | None:
        known = hmac.compare_digest(request.headers.get(SECRET_HEADER, ""), secret)
        return None if known else ("not a PoP of this network", 403)

    @service.get("/<name>/<int:port>")
    def find(name: str, port: int) -> str:
        address = resolve(name)
        return str(530 if address is None else status_of(address, port, name, authorities))

    return service


def status_of(address: str, port: int, name: str, authorities: bytes) -> int:
    """Returns the HTTP status with which Cloudflare answers a request to an origin that does not respond. The status
    depends on the cause of the failure, so the function connects to the origin at `address` and `port` to find the
    cause. `name` is the origin's host name.
    """
    context = ssl.create_default_context(cadata=authorities.decode())
    try:
        connection = socket.create_connection((address, port), _TIMEOUT_SECONDS)
    except ConnectionRefusedError:
        return 521
    except OSError:
        return 522
    with connection:
        try:
            context.wrap_socket(connection, server_hostname=name).close()
        except ssl.SSLCertVerificationError:
            return 526
        except OSError:
            return 525
    return 520


def resolver(server: str, port: int) -> Resolver:
    """Returns a function that looks up the IPv4 address of a host name at the given DNS server."""

    def resolve(name: str) -> str | None:
        query = dns.message.make_query(name, dns.rdatatype.A)
        try:
            answer = dns.query.udp(query, server, _TIMEOUT_SECONDS, port)
        except (dns.exception.DNSException, OSError):
            return None
        records = [each for each in answer.answer if each.rdtype == dns.rdatatype.A]
        return str(cast(Any, records[0])[0]) if records else None

    return resolve
