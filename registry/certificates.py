"""Creates an environment's certificate authority, and issues the client certificate of the environment's edge.

The edge authenticates to the shields (regional caches) with the client certificate. The shields accept the certificate
because the authority has signed it.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import cast

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

AUTHORITY_DAYS = 3650
# The number of days for which the edge's client certificate is valid. The certificate comes from an authority of the
# environment. The limits of the CA/Browser Forum do not apply, because they are for public authorities. The certificate
# is renewed 90 days before it expires (registry/key_renewal.py).
LEAF_DAYS = 397


@dataclass(frozen=True)
class Pair:
    """An X.509 certificate and its private key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def certificate_pem(self) -> str:
        return self.certificate.public_bytes(serialization.Encoding.PEM).decode()

    @property
    def key_pem(self) -> str:
        return private_pem(self.key)


def authority_name(environment: str) -> str:
    """Returns the common name in the certificate of an environment's certificate authority."""
    return f"artifact-edge {environment} edge"


def leaf_name(environment: str) -> str:
    """Returns the common name in the client certificate of an environment's edge."""
    return f"edge.{environment}"


def private_pem(key: ec.EllipticCurvePrivateKey) -> str:
    """Returns a private key as unencrypted PEM."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def load(certificate: str, key: str) -> Pair:
    """Parses a certificate and its private key, both in PEM form."""
    private = serialization.load_pem_private_key(key.encode(), password=None)
    return Pair(x509.load_pem_x509_certificate(certificate.encode()), cast(ec.EllipticCurvePrivateKey, private))


def new_authority(name: str, now: datetime.datetime) -> Pair:
    """Returns a new certificate authority, which is valid for ten years from `now`."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = _builder(subject, subject, key, now, AUTHORITY_DAYS).add_extension(
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


def client_certificate(issuer: Pair, name: str, now: datetime.datetime) -> Pair:
    """Returns a new client certificate, signed by the authority `issuer` and valid for 397 days from `now`."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = _builder(subject, issuer.certificate.subject, key, now, LEAF_DAYS)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
    builder = builder.add_extension(
        x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key()), critical=False
    )
    return Pair(builder.sign(issuer.key, hashes.SHA256()), key)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, now: datetime.datetime, days: int
) -> x509.CertificateBuilder:
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
