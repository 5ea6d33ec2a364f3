"""The sandbox's certificate authority, which takes the place of the public authorities that clients trust by default.

The authority issues the certificates of the emulated Cloudflare and of the emulated AWS Certificate Manager. The file
`pki/edge-ca.pem` in the sandbox's directory has the authority's own certificate. The file `pki/public.pem` is for
programs that also connect to real servers. It has the authority's certificate and those of the authorities that this
machine trusts.
"""

from __future__ import annotations

import datetime
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

# The file with the public certificate authorities that Debian's package ca-certificates installs.
MACHINE_AUTHORITIES = Path("/etc/ssl/certs/ca-certificates.crt")
# The lifetime of a certificate in days. Cloudflare's universal certificates are valid for 90 days too.
LIFETIME = datetime.timedelta(days=90)
AUTHORITY_LIFETIME = datetime.timedelta(days=3650)


@dataclass(frozen=True)
class Issued:
    """A certificate that the certificate authority of a sandbox (emulated clouds) has issued, and its private key, both
    as PEM. In `chain`, the certificate of the authority follows the issued certificate.
    """

    chain: bytes
    key: bytes = field(repr=False)


class Authority:
    """The certificate authority of the emulated edge. If `directory` does not contain an authority yet, the class
    creates an authority and stores it in `directory`.
    """

    def __init__(self, directory: Path) -> None:
        self.certificate_file = directory / "edge-ca.pem"
        key_file = directory / "edge-ca.key"
        if not self.certificate_file.exists():
            directory.mkdir(parents=True, exist_ok=True)
            key = ec.generate_private_key(ec.SECP256R1())
            write_private(key_file, _key_pem(key))
            self.certificate_file.write_bytes(_certificate_pem(_make_authority(key)))
        loaded = serialization.load_pem_private_key(key_file.read_bytes(), password=None)
        if not isinstance(loaded, ec.EllipticCurvePrivateKey):
            raise ValueError(f"{key_file} is not an elliptic curve key; delete it and {self.certificate_file}")
        self._key = loaded
        self._certificate = x509.load_pem_x509_certificate(self.certificate_file.read_bytes())

    def issue(self, names: Iterable[str], usage: x509.ObjectIdentifier = ExtendedKeyUsageOID.SERVER_AUTH) -> Issued:
        """Issues a new certificate for the given DNS names. `usage` is the extended key usage of the certificate, by
        default that of a TLS server.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
        certificate = (
            _builder(_name("artifact-edge emulated edge"), self._certificate.subject, key.public_key(), LIFETIME)
            .add_extension(subject, critical=False)
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
            .add_extension(_authority_key(self._key.public_key()), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        return Issued(_certificate_pem(certificate) + _certificate_pem(self._certificate), _key_pem(key))


def public_authorities(directory: Path) -> bytes:
    """Returns the certificate authorities, as PEM, that a program in the sandbox (emulated clouds) trusts by default.

    The result contains the sandbox's authority and the authorities in the file that SSL_CERT_FILE names. If this
    variable is not set, the authorities come from the file of Debian's package ca-certificates.
    """
    trusted = Path(os.environ.get("SSL_CERT_FILE", MACHINE_AUTHORITIES))
    others = trusted.read_bytes() if trusted.exists() else b""
    own = Authority(directory).certificate_file.read_bytes()
    return others if own in others else others + own


def write_public_authorities(directory: Path) -> Path:
    """Writes `public.pem` into `directory`: the certificate authorities that programs in the sandbox (emulated clouds)
    trust.

    Returns the path of the file.
    """
    bundle = directory / "public.pem"
    content = public_authorities(directory)
    if not bundle.exists() or bundle.read_bytes() != content:
        write_private(bundle, content)
    return bundle


def names_of(chain: bytes) -> set[str]:
    """Returns the DNS names of the first certificate in a PEM chain. When less than a third of the certificate's
    lifetime is left, returns no names. The caller then renews the certificate.
    """
    certificate = x509.load_pem_x509_certificate(chain)
    if certificate.not_valid_after_utc - datetime.datetime.now(datetime.UTC) < LIFETIME / 3:
        return set()
    extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    return set(extension.value.get_values_for_type(x509.DNSName))


def write_private(path: Path, content: bytes) -> None:
    """Writes a file that only its owner can read. A process that reads the file at the same time sees either the whole
    old content or the whole new content.
    """
    draft = path.with_name(f".{path.name}.draft")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
        file.write(content)
    draft.replace(path)


def _make_authority(key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    name = _name("artifact-edge emulated edge authority")
    usage = x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
    return (
        _builder(name, name, key.public_key(), AUTHORITY_LIFETIME)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, lifetime: datetime.timedelta
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        # The validity of the certificate begins before the current time, because the clocks of client and server may
        # differ a little.
        .not_valid_before(now - datetime.timedelta(minutes=5))
        .not_valid_after(now + lifetime)
    )


def _authority_key(key: ec.EllipticCurvePublicKey) -> x509.AuthorityKeyIdentifier:
    return x509.AuthorityKeyIdentifier.from_issuer_public_key(key)


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _certificate_pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)
