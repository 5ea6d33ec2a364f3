"""Renews the edge's client certificate and its certificate authority while a stack is running in the emulated clouds.
The test ends when the first authority has expired.

The test does not wait for years. It moves the dates of all stored certificates back. For the shields and for the
command that renews certificates, the effect is the same as if these years had passed.
"""

from __future__ import annotations

import json
import os
import ssl
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from contract.secrets import SecretName, secret_id
from contract.shields import EDGE_PORT
from emulation import processes
from emulation.engine.environment import cloud_environment
from emulation.engine.find import ensure_engine
from emulation.layout import CLIENT_LOCATIONS
from local.checkout import CHECKOUT
from local.stack import STACK, LocalStack
from registry.certificates import AUTHORITY_DAYS, LEAF_DAYS, Pair, client_certificate, leaf_name, load
from tests.support.sandbox.edge import access
from tests.support.sandbox.origin import store
from tests.support.sandbox.up import Up
from tests.support.waiting import eventually

pytestmark = pytest.mark.nightly

# The ages at which the first certificate authority and a new client certificate are due for renewal. An authority is
# renewed when it expires in less than two years, and a client certificate when it expires in less than 90 days.
UNTIL_AUTHORITY_IS_RENEWED = timedelta(days=AUTHORITY_DAYS - 2 * 365 + 1)
UNTIL_LEAF_IS_RENEWED = timedelta(days=LEAF_DAYS - 89)


class Keys:
    """Reads and changes three secrets of the stack. `edge` contains the edge's client certificate. `authority` contains
    the certificate authorities that issue this certificate, and `shield` those that the shields (regional caches)
    trust. Also runs the command that renews the certificates.
    """

    def __init__(self, up: Up) -> None:
        self._up = up
        self._manager = up.aws("secretsmanager")
        # The private keys of all certificate authorities, including those that are no longer in the stack's secrets.
        self._authorities: list[ec.EllipticCurvePrivateKey] = []

    def read(self, name: SecretName) -> dict[str, str]:
        return json.loads(self._manager.get_secret_value(SecretId=secret_id(STACK, name))["SecretString"])

    def authority(self) -> Pair:
        """Returns the certificate authority that issues the edge's next client certificate."""
        secret = self.read("authority")
        return load(secret["client_ca"], secret["client_ca_key"])

    def leaf(self) -> Pair:
        secret = self.read("edge")
        return load(secret["client_certificate"], secret["client_key"])

    def advance(self, time: timedelta) -> None:
        """Ages each certificate in the secrets by `time`: replaces it with a copy whose validity begins and ends that
        much earlier.
        """
        authority = self.read("authority")
        for name in ("client_ca", "next_client_ca"):
            if name in authority:
                self._authorities.append(load(authority[name], authority[f"{name}_key"]).key)
        fields: dict[SecretName, tuple[str, ...]] = {
            "authority": ("client_ca", "next_client_ca"),
            "shield": ("client_ca",),
            "edge": ("client_certificate",),
        }
        for name, certificates in fields.items():
            content = self.read(name)
            for field in content.keys() & set(certificates):
                content[field] = self.moved(content[field], time)
            self._manager.put_secret_value(SecretId=secret_id(STACK, name), SecretString=json.dumps(content))

    def moved(self, chain: str, time: timedelta) -> str:
        """Returns copies of the certificates in `chain`, in PEM format. The validity of each copy begins and ends
        earlier by `time`. The copy is signed with the same key as the original.
        """
        return "".join(self._moved(each, time) for each in x509.load_pem_x509_certificates(chain.encode()))

    def _moved(self, certificate: x509.Certificate, time: timedelta) -> str:
        builder = (
            x509.CertificateBuilder()
            .subject_name(certificate.subject)
            .issuer_name(certificate.issuer)
            .public_key(certificate.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(certificate.not_valid_before_utc - time)
            .not_valid_after(certificate.not_valid_after_utc - time)
        )
        for extension in certificate.extensions:
            builder = builder.add_extension(extension.value, extension.critical)
        return builder.sign(self._issuer_of(certificate), hashes.SHA256()).public_bytes(Encoding.PEM).decode()

    def _issuer_of(self, certificate: x509.Certificate) -> ec.EllipticCurvePrivateKey:
        def has_signed(key: ec.EllipticCurvePrivateKey) -> bool:
            algorithm = ec.ECDSA(cast(hashes.HashAlgorithm, certificate.signature_hash_algorithm))
            try:
                key.public_key().verify(certificate.signature, certificate.tbs_certificate_bytes, algorithm)
            except InvalidSignature:
                return False
            return True

        return next(filter(has_signed, self._authorities))

    def renew(self) -> str:
        return subprocess.run(
            [sys.executable, "-m", "registry", "keys", "renew", "--environment", STACK, "--region", "us-east-1"],
            cwd=CHECKOUT,
            env={**os.environ, **cloud_environment(self._up.sandbox, {})},
            capture_output=True,
            text=True,
            check=True,
        ).stdout


def accepts(shield: dict[str, Any], client: Pair, directory: Path) -> bool:
    """Returns whether a shield (a regional cache) answers a client that presents the certificate `client`."""
    file = directory / "client.pem"
    file.write_text(client.certificate_pem + client.key_pem)
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.load_cert_chain(file)
    try:
        httpx.get(f"https://{shield['address']}:{EDGE_PORT}/healthz", verify=context, trust_env=False)
    except httpx.TransportError:
        return False
    return True


def restart_shields(up: Up) -> None:
    """Restarts Traffic Server on each shield.

    Traffic Server then reads its certificates and keys again. All connections and TLS sessions end, so clients must
    present their certificates again.
    """
    for name in processes.names(up.sandbox):
        if name.startswith("machine-") and name.endswith("-artifact-edge-shield"):
            processes.stop(up.sandbox, name)


def each_location_gets_a_new_object(up: Up) -> bool:
    """Returns whether clients at all locations get new objects. No cache holds such an object, so the edge must request
    it from a shield (a regional cache).
    """
    answers: list[bool] = []
    for location in CLIENT_LOCATIONS:
        key = f"npm/@acme/greeting/-/greeting-6.{datetime.now(UTC).timestamp():.0f}.{len(answers)}.tgz"
        body = store(up, key, 1_000)
        with httpx.Client(**access(up, location)) as client:
            answer = client.get(f"/{key}")
        answers.append(answer.status_code == 200 and answer.content == body)
    return all(answers)


def test_nothing_stops_when_certificates_and_their_authority_expire(up: Up, tmp_path: Path) -> None:
    keys, stack = Keys(up), LocalStack(ensure_engine(print), up.sandbox)
    shields: list[dict[str, Any]] = up.outputs()["shields"]

    def all_accept(client: Pair) -> bool:
        return all(accepts(shield, client, tmp_path) for shield in shields)

    def deploy_after(time: timedelta) -> str:
        """Advances the clock, and does what the workflow `deploy` does: renews certificates, and runs `pulumi up`."""
        keys.advance(time)
        said = keys.renew()
        stack.up(refresh=False)
        restart_shields(up)
        assert eventually(lambda: all_accept(keys.leaf()))
        assert eventually(lambda: each_location_gets_a_new_object(up))
        return said

    first = keys.authority()
    deploy_after(UNTIL_AUTHORITY_IS_RENEWED)
    # The shields (regional caches) already trust the next certificate authority, but the edge's client certificates
    # still come from the first authority.
    assert keys.authority().key_pem == first.key_pem
    upcoming = keys.read("authority")
    following = load(upcoming["next_client_ca"], upcoming["next_client_ca_key"])
    now = datetime.now(UTC)
    assert all_accept(client_certificate(following, leaf_name(STACK), now))

    deploy_after(timedelta(days=1))
    assert keys.authority().key_pem == following.key_pem
    leaf = keys.leaf()
    for _ in range(2):
        deploy_after(UNTIL_LEAF_IS_RENEWED)
    assert keys.leaf().key_pem != leaf.key_pem

    left = timedelta(days=2 * 365 - 2) - 2 * UNTIL_LEAF_IS_RENEWED
    keys.advance(left + timedelta(days=1))
    restart_shields(up)
    of_expired_authority = client_certificate(first, leaf_name(STACK), now)
    expired = load(keys.moved(leaf.certificate_pem, timedelta(days=LEAF_DAYS + 1)), leaf.key_pem)
    assert eventually(lambda: all_accept(keys.leaf()))
    for refused in (of_expired_authority, expired):
        assert not any(accepts(shield, refused, tmp_path) for shield in shields)
    assert eventually(lambda: each_location_gets_a_new_object(up))
