"""Renews the edge's client certificate and its certificate authority, before they expire and without an outage.

The shields (regional caches) accept the certificates of all authorities in a secret, which they read every minute. A
renewal of the authority takes two runs of this module, so the shields know the new authority before it issues a
certificate:

1. If the authority expires in less than two years, a run creates a new authority. The shields now accept both
   authorities.
2. At least a day later, a run replaces the old authority with the new one, which issues the edge's certificate.
3. The shields accept the old authority until it expires.

The edge's certificate is renewed 90 days before it expires. The next `pulumi up` deploys the new certificate to the
edge.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import boto3
from botocore.exceptions import ClientError
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import Encoding

from contract.secrets import SecretName, secret_id
from registry import RegistryError
from registry.certificates import authority_name, client_certificate, leaf_name, load, new_authority

# The certificate authority is renewed when it expires in less than this time. This time is longer than the 397 days for
# which the edge's certificates are valid. A certificate therefore never outlives the authority that issues it.
_AUTHORITY_LEFT = timedelta(days=2 * 365)
_LEAF_LEFT = timedelta(days=90)
# The certificate authority is renewed in two runs of this module. The first run adds the next authority, and the second
# run makes it the current authority. At least this time must pass between the two runs. The shields read a new
# authority from their secret within minutes, so a day is long enough.
_OVERLAP = timedelta(days=1)

Secret = Mapping[str, str]


@dataclass(frozen=True)
class Secrets:
    """The contents of the secrets `authority`, `shield` and `edge` of an environment."""

    authority: Secret
    shield: Secret
    edge: Secret


def renewed(secrets: Secrets, environment: str, now: datetime) -> Secrets:
    """Returns the secrets `authority`, `shield` and `edge` of an environment. The result contains new values for the
    secrets whose renewal is due at the time `now`, and the other secrets unchanged.
    """
    authority = _next_authority(secrets.authority, environment, now)
    return Secrets(
        authority,
        _with_authorities(secrets.shield, authority, now),
        _with_leaf(secrets.edge, authority, environment, now),
    )


def expiry(edge: Secret) -> datetime:
    """Returns the time at which the edge's client certificate expires."""
    return _certificate(edge["client_certificate"]).not_valid_after_utc


def _certificate(pem: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate(pem.encode())


def _next_authority(authority: Secret, environment: str, now: datetime) -> Secret:
    """Returns the secret `authority`, which contains certificate authorities. The secret is renewed if a renewal is
    due.

    If the secret holds a next authority, and the shields (regional caches) have had time to read it, the next authority
    becomes the current one. If the current authority expires soon, the function creates a next authority.
    """
    if "next_client_ca" in authority:
        upcoming = load(authority["next_client_ca"], authority["next_client_ca_key"])
        if now - upcoming.certificate.not_valid_before_utc < _OVERLAP:
            return authority
        return {"client_ca": upcoming.certificate_pem, "client_ca_key": upcoming.key_pem}
    if _certificate(authority["client_ca"]).not_valid_after_utc - now >= _AUTHORITY_LEFT:
        return authority
    upcoming = new_authority(authority_name(environment), now)
    return {**authority, "next_client_ca": upcoming.certificate_pem, "next_client_ca_key": upcoming.key_pem}


def _with_authorities(shield: Secret, authority: Secret, now: datetime) -> Secret:
    """Returns the secret of the shields (regional caches) with an updated list of certificate authorities. The list
    keeps the known authorities, and adds the current and the next authority. Authorities that have expired are not in
    the list.
    """
    known = x509.load_pem_x509_certificates(shield["client_ca"].encode())
    needed = [authority[name] for name in ("client_ca", "next_client_ca") if name in authority]
    wanted = dict.fromkeys([*known, *(_certificate(pem) for pem in needed)])
    valid = [certificate for certificate in wanted if certificate.not_valid_after_utc > now]
    if valid == known:
        return shield
    texts = [certificate.public_bytes(Encoding.PEM).decode() for certificate in valid]
    return {**shield, "client_ca": "".join(texts)}


def _with_leaf(edge: Secret, authority: Secret, environment: str, now: datetime) -> Secret:
    """Returns the secret of the edge with a client certificate that is valid for long enough. Issues a new certificate
    if the current one expires soon, or was not issued by the current certificate authority in the secret `authority`.
    """
    current = _certificate(edge["client_certificate"])
    if current.not_valid_after_utc - now >= _LEAF_LEFT and _is_issued_by(current, _certificate(authority["client_ca"])):
        return edge
    issuer = load(authority["client_ca"], authority["client_ca_key"])
    leaf = client_certificate(issuer, leaf_name(environment), now)
    return {**edge, "client_certificate": leaf.certificate_pem, "client_key": leaf.key_pem}


def _is_issued_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (InvalidSignature, TypeError, ValueError):
        return False
    return True


class StoredSecrets:
    """The secrets of an environment in AWS Secrets Manager in `region`. Methods raise RegistryError if AWS refuses a
    request.
    """

    def __init__(self, environment: str, region: str) -> None:
        self._environment = environment
        self._manager = cast(Any, boto3).client("secretsmanager", region_name=region)

    def read(self) -> Secrets:
        return Secrets(self._read("authority"), self._read("shield"), self.read_edge())

    def read_edge(self) -> Secret:
        return self._read("edge")

    def write(self, before: Secrets, after: Secrets) -> list[SecretName]:
        """Writes the changed secrets to AWS Secrets Manager, and returns their names.

        The secret of the shields (regional caches) is written first. The shields therefore trust every authority that
        issues certificates, even if this run is interrupted between two writes.
        """
        written: list[SecretName] = []
        changes: Sequence[tuple[SecretName, Secret, Secret]] = (
            ("shield", before.shield, after.shield),
            ("authority", before.authority, after.authority),
            ("edge", before.edge, after.edge),
        )
        for name, old, new in changes:
            if new != old:
                self._write(name, new)
                written.append(name)
        return written

    def _read(self, name: SecretName) -> Secret:
        secret = secret_id(self._environment, name)
        try:
            return json.loads(self._manager.get_secret_value(SecretId=secret)["SecretString"])
        except ClientError as error:
            raise RegistryError(f"secret {secret}: {_code(error)}; `python -m registry keys init` creates it") from None

    def _write(self, name: SecretName, content: Secret) -> None:
        secret = secret_id(self._environment, name)
        try:
            self._manager.put_secret_value(SecretId=secret, SecretString=json.dumps(dict(content)))
        except ClientError as error:
            raise RegistryError(f"secret {secret}: {_code(error)}; the caller needs PutSecretValue for it") from None


def renew(environment: str, region: str, now: datetime | None = None) -> list[SecretName]:
    """Renews an environment's certificates if they expire soon. Returns the names of the changed secrets."""
    stored = StoredSecrets(environment, region)
    before = stored.read()
    return stored.write(before, renewed(before, environment, now or datetime.now(UTC)))


def _code(error: ClientError) -> str:
    return error.response.get("Error", {}).get("Code", "")
