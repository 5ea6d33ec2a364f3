"""Emulates the services that a shield calls: S3 buckets with their own host names, Secrets Manager, Systems Manager,
Certificate Manager, DNS, and the instance metadata service. All services run in one process.

The emulation recomputes the signature of each S3 request with botocore, which shares no code with the shield. It
refuses a request with a different signature.
"""

from __future__ import annotations

import base64
import json
import re
import socketserver
import threading
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast
from urllib.parse import unquote_to_bytes

import dns.flags
import dns.message
import dns.rdatatype
import dns.rrset
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from cryptography.hazmat.primitives import serialization

from emulation.layout import INSTANCES_PATH

IMMUTABLE = "public, max-age=31536000, immutable"
CERTIFICATE_ARN = "arn:aws:acm:us-east-1:123456789012:certificate/00000000-0000-4000-8000-000000000000"
LAST_MODIFIED = "Thu, 01 Jan 2026 00:00:00 GMT"
# The length in bytes of the longest key that S3 accepts (S3 User Guide, "Naming Amazon S3 objects").
_MOST_KEY_BYTES = 1024


@dataclass(frozen=True)
class Stored:
    """One object in a bucket of the emulated S3. The default ETag is the object's size in quotation marks."""

    body: bytes
    cache_control: str = IMMUTABLE
    etag: str = ""
    content_encoding: str = ""

    def headers(self) -> dict[str, str]:
        """Returns the header fields that S3 sends with this object."""
        coded = {"Content-Encoding": self.content_encoding} if self.content_encoding else {}
        return {
            **coded,
            "ETag": self.etag or f'"{len(self.body)}"',
            "Last-Modified": LAST_MODIFIED,
            "Cache-Control": self.cache_control,
            "Content-Type": "application/octet-stream",
            "Accept-Ranges": "bytes",
            "Server": "AmazonS3",
            "x-amz-request-id": "0",
            "x-amz-meta-digest": "sha256:abc",
            "x-amz-meta-revision": "7",
            "x-amz-meta-published": "2026-01-01T00:00:00.000000Z",
        }


@dataclass
class Cloud:
    """Holds the objects of the emulated S3. The keys of `objects` are pairs of a bucket host and an object key.

    `requests` lists the host, key and headers of each request to a bucket. While `session_ended` is true, S3 treats the
    credentials of each request as expired. A test can set the function `answer` for answers that S3 would not give.
    This function gets the method, the key and the headers of each request.
    """

    address: str
    port: int
    dns_port: int
    secret: Mapping[str, str]
    certificate: tuple[str, str]
    credentials: Credentials
    objects: dict[tuple[str, str], Stored] = field(default_factory=dict[tuple[str, str], Stored])
    failing: dict[str, int] = field(default_factory=dict[str, int])
    requests: list[tuple[str, str, dict[str, str]]] = field(default_factory=list[tuple[str, str, dict[str, str]]])
    parameters: dict[str, str] = field(default_factory=dict[str, str])
    first_byte_seconds: float = 0.0
    metadata_fails: bool = False
    session_ended: bool = False
    answer: Callable[[str, str, Mapping[str, str]], tuple[int, Mapping[str, str], bytes]] | None = None

    def put(self, host: str, key: str, body: bytes, cache_control: str = IMMUTABLE, **more: str) -> None:
        self.objects[host, key] = Stored(body, cache_control, **more)

    def requested_hosts(self, key: str) -> list[str]:
        """Returns the host names of the buckets that received a request for the object key, in the order of the
        requests.
        """
        return [host for host, requested_hosts, _ in self.requests if requested_hosts == key]

    @contextmanager
    def running(self) -> Generator[None]:
        """Serves S3 and DNS during the `with` block. The address is free again after the block."""
        with _Http((self.address, self.port), _Requests) as http, _Dns((self.address, self.dns_port), _Names) as names:
            http.cloud = names.cloud = self
            for server in (http, names):
                threading.Thread(target=server.serve_forever, daemon=True).start()
            try:
                yield
            finally:
                for server in (http, names):
                    server.shutdown()


class _Http(ThreadingHTTPServer):
    cloud: Cloud
    request_queue_size = 256
    daemon_threads = True


class _Dns(socketserver.ThreadingUDPServer):
    cloud: Cloud
    daemon_threads = True


class _Names(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        packet, socket = self.request
        query = dns.message.from_wire(packet)
        answer = dns.message.make_response(query)
        answer.flags |= dns.flags.AA
        name = query.question[0].name
        if str(name).endswith(".amazonaws.com.") and query.question[0].rdtype == dns.rdatatype.A:
            answer.answer.append(dns.rrset.from_text(name, 60, "IN", "A", cast(_Dns, self.server).cloud.address))
        socket.sendto(answer.to_wire(), self.client_address)


class _Requests(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        answers: dict[str, Callable[[], dict[str, Any]]] = {
            "secretsmanager.GetSecretValue": lambda: {
                "Name": "shield",
                "SecretString": json.dumps(dict(self._cloud.secret)),
            },
            "AmazonSSM.PutParameter": lambda: self._cloud.parameters.update({request["Name"]: request["Value"]}) or {},
            "AmazonSSM.GetParameter": lambda: {"Parameter": {"Name": request["Name"], "Value": CERTIFICATE_ARN}},
            "CertificateManager.ExportCertificate": lambda: self._exported(request),
        }
        answer = answers[self.headers["X-Amz-Target"]]()
        self._answer(200, json.dumps(answer).encode(), {"Content-Type": "application/x-amz-json-1.1"})

    def _exported(self, request: Mapping[str, str]) -> dict[str, str]:
        """Returns the emulated response of AWS's ExportCertificate: a certificate and its encrypted private key."""
        assert request["CertificateArn"] == CERTIFICATE_ARN
        certificate, key = self._cloud.certificate
        encryption = serialization.BestAvailableEncryption(base64.b64decode(request["Passphrase"]))
        private = serialization.load_pem_private_key(key.encode(), password=None)
        encrypted = private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)
        return {"Certificate": certificate, "CertificateChain": "", "PrivateKey": encrypted.decode()}

    def do_PUT(self) -> None:
        assert self.path.endswith("/latest/api/token")
        self._answer(200, b"token", {})

    def _metadata(self) -> None:
        """Emulates the EC2 instance metadata service. A path that ends in `/` returns the name of the IAM role. All
        other paths return the role's credentials.
        """
        if self._cloud.metadata_fails:
            return self._answer(503, b"", {})
        assert self.headers["X-aws-ec2-metadata-token"] == "token"
        credentials, ends = self._cloud.credentials, datetime.now(UTC) + timedelta(hours=6)
        document = {
            "Code": "Success",
            "AccessKeyId": credentials.access_key,
            "SecretAccessKey": credentials.secret_key,
            "Token": credentials.token,
            "LastUpdated": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
            "Expiration": f"{ends:%Y-%m-%dT%H:%M:%SZ}",
        }
        return self._answer(200, b"shield" if self.path.endswith("/") else json.dumps(document).encode(), {})

    def do_GET(self) -> None:
        if self.path.startswith(INSTANCES_PATH):
            return self._metadata()
        cloud, host = self._cloud, self.headers["Host"].partition(":")[0]
        key = self.path.lstrip("/")
        cloud.requests.append((host, key, {name.lower(): value for name, value in self.headers.items()}))
        time.sleep(cloud.first_byte_seconds)
        if cloud.answer is not None:
            status, headers, body = cloud.answer(self.command, key, cloud.requests[-1][2])
            return self._answer(status, body, headers)
        found = cloud.objects.get((host, key))
        if not self._signed(host.split(".s3.")[1].split(".")[0]):
            self._answer(403, b"<Code>SignatureDoesNotMatch</Code>", {})
        elif cloud.session_ended:
            self._answer(400, b"<Code>ExpiredToken</Code>", {})
        elif len(unquote_to_bytes(key)) > _MOST_KEY_BYTES:
            self._answer(400, b"<Code>KeyTooLongError</Code>", {})
        elif host in cloud.failing:
            self._answer(cloud.failing[host], b"<Code>Broken</Code>", {})
        elif found is None:
            self._answer(404, b"<Code>NoSuchKey</Code>", {"Cache-Control": IMMUTABLE})
        else:
            self._object(found)
        return None

    do_HEAD = do_GET

    @property
    def _cloud(self) -> Cloud:
        return cast(_Http, self.server).cloud

    def _object(self, stored: Stored) -> None:
        """Emulates S3's GetObject. It serves one range, ignores If-Range, and leaves out the size in a 416 response."""
        headers, body = stored.headers(), stored.body
        bounds = re.fullmatch(r"bytes=(\d*)-(\d*)", self.headers["Range"] or "")
        given = self.headers["If-None-Match"]
        if given == headers["ETag"] or (given is None and self.headers["If-Modified-Since"] == LAST_MODIFIED):
            return self._answer(304, b"", headers)
        if bounds is None or self.command == "HEAD":
            return self._answer(200, body, headers)
        first, last = bounds.groups()
        start = int(first) if first else max(0, len(body) - int(last))
        part = body[start : int(last) + 1 if first and last else len(body)]
        if not part:
            return self._answer(416, b"<Code>InvalidRange</Code>", {"Content-Type": "application/xml"})
        place = f"bytes {start}-{start + len(part) - 1}/{len(body)}"
        return self._answer(206, part, {**headers, "Content-Range": place})

    def _signed(self, region: str) -> bool:
        """Returns whether the Authorization header has the signature that botocore computes for the request."""
        given = self.headers["Authorization"] or ""
        names = given.partition("SignedHeaders=")[2].partition(",")[0].split(";")
        request = AWSRequest(method=self.command, url=f"http://{self.headers['Host']}{self.path}")
        for name in names:
            request.headers[name] = self.headers[name]
        signer = S3SigV4Auth(self._cloud.credentials, "s3", region)
        request.context["timestamp"] = self.headers["x-amz-date"]
        canonical = signer.canonical_request(request)
        expected = signer.signature(signer.string_to_sign(request, canonical), request)
        return given.endswith(f"Signature={expected}") and self.headers["X-Amz-Security-Token"] is not None

    def _answer(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        self.send_response_only(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if status != 304:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
