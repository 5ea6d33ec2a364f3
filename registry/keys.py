"""Creates an environment's keys and certificates in AWS Secrets Manager.

The keys never enter git or the stack's config.

The secrets of shield and edge hold only what each tier needs (docs/contracts.md, "Between the tiers"). The certificate
authority of the edge's client certificate is in a third secret, which no machine may read.
"""

from __future__ import annotations

import datetime
import json
import secrets
from dataclasses import dataclass
from typing import Any, cast

import boto3
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from contract.secrets import SecretName, secret_id
from registry import RegistryError

AUTHORITY_DAYS = 3650
# The longest validity of a leaf certificate that browsers and Cloudflare accept (CA/Browser Forum Baseline
# Requirements).
LEAF_DAYS = 397


@dataclass(frozen=True)
class Pair:
    """A certificate and its private key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def certificate_pem(self) -> str:
        return self.certificate.public_bytes(serialization.Encoding.PEM).decode()

    @property
    def key_pem(self) -> str:
        return _private_pem(self.key)


KV_TOKEN_VARIABLE = "CLOUDFLARE_KV_API_TOKEN"  # noqa: S105  the name of a variable


def initialize(environment: str, domain: str, region: str, kv_token: str) -> list[str]:
    """Writes the environment's secrets that do not exist yet, and returns their names.

    `kv_token` is a Cloudflare API token that may edit Workers KV; functions write token entries with it. Raises
    RegistryError when the token is empty and its secret does not exist yet, after writing the other secrets.

    If a run is interrupted, a second run creates the missing secrets. The certificate authority is stored first, so
    that the same authority signs the certificates in a second run.
    """
    manager = cast(Any, boto3).client("secretsmanager", region_name=region)
    written: list[str] = []

    def ensure(name: SecretName, make: Any) -> dict[str, str]:
        full_name = secret_id(environment, name)
        try:
            return json.loads(manager.get_secret_value(SecretId=full_name)["SecretString"])
        except manager.exceptions.ResourceNotFoundException:
            content: dict[str, str] = make()
            manager.create_secret(Name=full_name, SecretString=json.dumps(content))
            written.append(full_name)
            return content

    authority = ensure("authority", lambda: _authority_of(environment))
    shield = ensure("shield", lambda: _shield(authority))
    ensure("edge", lambda: _edge(authority, shield["origin_key"], environment))
    ensure("metadata-api", lambda: {"key": secrets.token_urlsafe(32)})
    ensure("npm-signing", lambda: {"private_key": _private_pem(ec.generate_private_key(ec.SECP256R1()))})
    ensure("purge-signing", lambda: {"key": secrets.token_urlsafe(32)})
    ensure("edge-kv", lambda: _api_token(kv_token))
    return written


def _private_pem(key: ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def _authority_of(environment: str) -> dict[str, str]:
    client = _authority(f"artifact-edge {environment} edge")
    return {"client_ca": client.certificate_pem, "client_ca_key": client.key_pem}


def _shield(authority: dict[str, str]) -> dict[str, str]:
    return {"client_ca": authority["client_ca"], "origin_key": secrets.token_urlsafe(32)}


def _edge(authority: dict[str, str], origin_key: str, environment: str) -> dict[str, str]:
    issuer = _load(authority["client_ca"], authority["client_ca_key"])
    client = _client_certificate(issuer, f"edge.{environment}")
    return {
        "client_certificate": client.certificate_pem,
        "client_key": client.key_pem,
        "origin_key": origin_key,
        "token_signing_key": secrets.token_urlsafe(32),
    }


def _api_token(token: str) -> dict[str, str]:
    if not token:
        raise RegistryError(
            f"{KV_TOKEN_VARIABLE} is not set: create a Cloudflare API token that may only edit Workers KV Storage of "
            "the account, and put it into this variable"
        )
    return {"api_token": token}


def _load(certificate: str, key: str) -> Pair:
    private = serialization.load_pem_private_key(key.encode(), password=None)
    return Pair(x509.load_pem_x509_certificate(certificate.encode()), cast(ec.EllipticCurvePrivateKey, private))


def _authority(name: str) -> Pair:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = _builder(subject, subject, key, AUTHORITY_DAYS).add_extension(
        x509.BasicConstraints(ca=True, path_length=0), critical=True
    )
    usage = x509.KeyUsage(
        key_cert_sign=True,
        crl_sign=True,
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
    return Pair(builder.add_extension(usage, critical=True).sign(key, hashes.SHA256()), key)


def _client_certificate(issuer: Pair, name: str) -> Pair:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = _builder(subject, issuer.certificate.subject, key, LEAF_DAYS)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
    builder = builder.add_extension(
        x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key()), critical=False
    )
    return Pair(builder.sign(issuer.key, hashes.SHA256()), key)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, days: int
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=5))
        .not_valid_after(now + datetime.timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
