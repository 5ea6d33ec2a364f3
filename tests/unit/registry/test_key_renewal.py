"""Tests the renewal of the edge's client certificate and of the certificate authority that signs it.

The tests advance the clock.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from typer.testing import CliRunner

from emulation.providers.aws.clients import client
from registry import key_renewal, keys
from registry.__main__ import app
from registry.certificates import LEAF_DAYS, client_certificate, load
from registry.key_renewal import Secrets, StoredSecrets, renewed

ARGUMENTS = ["--environment", "dev", "--region", "us-east-1"]


@pytest.fixture
def start() -> datetime:
    """Returns the time at which the test issues its first TLS certificates."""
    return datetime.now(UTC)


@pytest.fixture
def secrets(aws_cloud: None) -> Secrets:
    keys.initialize("dev", "example.com", "us-east-1", "kv-token")
    return StoredSecrets("dev", "us-east-1").read()


def leaf(secrets: Secrets) -> x509.Certificate:
    return x509.load_pem_x509_certificate(secrets.edge["client_certificate"].encode())


def is_accepted(certificate: x509.Certificate, shield: str, now: datetime) -> bool:
    """Returns whether a shield (a regional cache) accepts a client certificate. `shield` contains the certificates of
    the authorities that the shield trusts.
    """
    return any(
        each.not_valid_before_utc <= now <= each.not_valid_after_utc and _is_issued_by(certificate, each)
        for each in x509.load_pem_x509_certificates(shield.encode())
        if certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc
    )


# The test of 25 years asks this about the same few certificates on each day.
@cache
def _is_issued_by(certificate: x509.Certificate, authority: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(authority)
    except InvalidSignature:
        return False
    return True


def test_nothing_is_renewed_while_nothing_expires_soon(secrets: Secrets, start: datetime) -> None:
    assert renewed(secrets, "dev", start + timedelta(days=LEAF_DAYS - 91)) == secrets


def test_the_certificate_is_renewed_before_it_ends_and_keeps_its_authority(secrets: Secrets, start: datetime) -> None:
    now = start + timedelta(days=LEAF_DAYS - 89)
    after = renewed(secrets, "dev", now)
    assert (after.authority, after.shield) == (secrets.authority, secrets.shield)
    assert leaf(after).not_valid_after_utc - now > timedelta(days=LEAF_DAYS - 1)
    assert (after.edge["origin_key"], after.edge["token_signing_key"]) == (
        secrets.edge["origin_key"],
        secrets.edge["token_signing_key"],
    )


@pytest.mark.parametrize("days_between_deployments", [1, 30, 80])
def test_the_shields_accept_the_deployed_certificate_on_each_day_of_25_years(
    secrets: Secrets, start: datetime, days_between_deployments: int
) -> None:
    current, deployed = secrets, leaf(secrets)
    authorities = {secrets.authority["client_ca"]}
    for day in range(25 * 365):
        now = start + timedelta(days=day)
        accepted_before = current.shield["client_ca"]
        assert is_accepted(deployed, accepted_before, now), f"day {day}"
        current = renewed(current, "dev", now)
        authorities.add(current.authority["client_ca"])
        if day % days_between_deployments == 0:
            # The edge may present its new certificate while the shields (regional caches) still have the old version of
            # their secret. The shields must therefore already trust the authority that issued the certificate.
            assert is_accepted(leaf(current), accepted_before, now), f"day {day}: the issuer is new to the shields"
            deployed = leaf(current)
    assert len(authorities) == 4
    assert len(x509.load_pem_x509_certificates(current.shield["client_ca"].encode())) <= 2


@pytest.mark.parametrize("written", [["shield"], ["shield", "authority"]])
def test_a_renewal_that_was_interrupted_goes_on_in_the_next_run(
    secrets: Secrets, start: datetime, written: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    ending = start + timedelta(days=8 * 365 + 10)
    left = list(written)
    original: Any = StoredSecrets._write  # pyright: ignore[reportPrivateUsage]

    def write(stored: StoredSecrets, name: Any, content: Any) -> None:
        if not left:
            raise ConnectionError
        assert left.pop(0) == name
        original(stored, name, content)

    monkeypatch.setattr(StoredSecrets, "_write", write)
    with pytest.raises(ConnectionError):
        key_renewal.renew("dev", "us-east-1", ending)
    monkeypatch.undo()
    for days in range(3):
        key_renewal.renew("dev", "us-east-1", ending + timedelta(days=days))
    after = StoredSecrets("dev", "us-east-1").read()
    assert is_accepted(leaf(after), after.shield["client_ca"], ending + timedelta(days=3))
    assert "next_client_ca" not in after.authority


def test_the_commands_say_what_to_do_next(secrets: Secrets) -> None:
    fine = CliRunner().invoke(app, ["keys", "check", *ARGUMENTS])
    assert (fine.exit_code, "expires in 396 days" in fine.output) == (0, True)
    assert CliRunner().invoke(app, ["keys", "renew", *ARGUMENTS]).output == "no certificate expires soon\n"
    old = {**secrets.edge, **_expiring_leaf(secrets, days=20)}
    client("secretsmanager").put_secret_value(SecretId="artifact-edge/dev/edge", SecretString=json.dumps(old))
    late = CliRunner().invoke(app, ["keys", "check", *ARGUMENTS])
    assert (late.exit_code, "keys renew" in late.output) == (1, True)
    done = CliRunner().invoke(app, ["keys", "renew", *ARGUMENTS])
    assert done.output == "renewed the edge's client certificate; deploy it with `pulumi up`\n"
    assert CliRunner().invoke(app, ["keys", "check", *ARGUMENTS]).exit_code == 0


def test_a_missing_secret_is_named(aws_cloud: None) -> None:
    done = CliRunner().invoke(app, ["keys", "renew", *ARGUMENTS])
    assert str(done.exception) == (
        "secret artifact-edge/dev/authority: ResourceNotFoundException; `python -m registry keys init` creates it"
    )


def _expiring_leaf(secrets: Secrets, days: int) -> dict[str, str]:
    issuer = load(secrets.authority["client_ca"], secrets.authority["client_ca_key"])
    made = client_certificate(issuer, "edge.dev", datetime.now(UTC) - timedelta(days=LEAF_DAYS - days))
    return {"client_certificate": made.certificate_pem, "client_key": made.key_pem}
