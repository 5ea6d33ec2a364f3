"""Probe of Cloudflare's mTLS bindings. Checks the HTTP status that a worker gets when a fetch fails. Also checks that
Cloudflare does not cache responses that a worker fetches from port 8443.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from probes.fact import Fact, Probe
from probes.zone import Zone

_SCRIPT = Path(__file__).with_name("workers_fetch.js")
_DNS_ERROR = "error code: 1016"
# A public test server whose certificate comes from an authority that no client trusts.
_UNTRUSTED = "untrusted-root.badssl.com:443"


def _fetches(zone: Zone) -> Iterator[Fact]:
    certificate, key = _self_signed()
    uploaded = zone.api.mtls_certificates.create(
        account_id=zone.account, ca=False, certificates=certificate, private_key=key
    )
    zone.later(zone.api.mtls_certificates.delete, uploaded.id, account_id=zone.account)
    binding = {"type": "mtls_certificate", "name": "WITH_CERTIFICATE", "certificate_id": uploaded.id}
    zone.deploy(_SCRIPT.read_text(), {"default": False}, cross_version=True, bindings=[binding])
    zone.later(zone.api.workers.scripts.delete, zone.name, account_id=zone.account)
    zone.publish()
    answer = _fetched(zone, f"{zone.host('missing')}:8443")
    status, text = _status(answer), answer.text.strip()
    holds = status == "530" and _DNS_ERROR in text
    yield Fact("a name of the zone without a record is answered with 530 and the error 1016", holds, f"{status} {text}")
    zone.add_proxied_name(zone.host("proxied"))
    status = _status(_fetched(zone, f"{zone.host('proxied')}:8443"))
    yield Fact("a fetch with a client certificate to a proxied name is answered with 520", status == "520", status)
    zone.add_unreachable_name(zone.host("unreachable"))
    status = _status(_fetched(zone, f"{zone.host('unreachable')}:8443"))
    yield Fact("a server that accepts no connection is reported with 522", status == "522", status)
    status = _status(_fetched(zone, _UNTRUSTED))
    yield Fact(
        "a server whose certificate no public authority has signed is reported with 526", status == "526", status
    )
    if zone.origin:
        found = [_fetched(zone, f"{zone.origin}:8443").headers.get("x-cache-status", "missing") for _ in range(2)]
        yield Fact("a fetch to port 8443 is not cached", "HIT" not in found, ", then ".join(found))


def _fetched(zone: Zone, host: str) -> httpx.Response:
    """Tells the deployed worker to fetch from a host. Returns the worker's own response, which reports the result of
    the fetch.
    """
    return zone.send(f"/fetch?host={host}")


def _status(answer: httpx.Response) -> str:
    return answer.headers.get("x-status", "missing")


def _self_signed() -> tuple[str, str]:
    """Returns a client certificate that is valid for a day, and its private key, both in PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "artifact-edge probe")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return certificate.public_bytes(serialization.Encoding.PEM).decode(), private.decode()


PROBES = (Probe("workers-client-certificates", 'Cloudflare Workers, "mTLS" bindings', _fetches),)
