"""Tests custom hostnames of an emulated Cloudflare zone with the official SDK. The tests cover validation,
certificates, routes and errors.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cloudflare
import pytest

from emulation.cloudflare.custom_hostnames import served
from emulation.cloudflare.in_process import client
from emulation.cloudflare.zone_owner import active_zone
from emulation.state_store import StateStore

ACCOUNT = "0" * 32
HOST = "packages.example.test"
SSL: Any = {"type": "dv", "method": "txt"}


class Account:
    """An emulated Cloudflare account with the active zone zone.test. It also has the public DNS records that the
    validation of custom hostnames reads.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.dns: dict[tuple[str, str], list[str]] = {}
        self.api = client(directory, resolve=lambda name, type: self.dns.get((name, type), []))
        self.zone = active_zone(self.api, ACCOUNT, "zone.test")
        self.hostnames: Any = self.api.custom_hostnames

    def create(self, hostname: str = HOST) -> Any:
        return self.hostnames.create(zone_id=self.zone, hostname=hostname, ssl=SSL)

    def state(self, hostname: Any) -> tuple[str, str]:
        """Returns the status of a custom hostname and of its certificate."""
        now = self.hostnames.get(hostname.id, zone_id=self.zone)
        return now.status, now.ssl.status

    def served(self) -> list[str]:
        return served(StateStore(self.directory / "state.sqlite"), self.zone)

    def fallback_origin(self, name: str) -> None:
        self.api.dns.records.create(zone_id=self.zone, name=name, type="AAAA", content="100::", ttl=1, proxied=True)
        self.hostnames.fallback_origin.update(zone_id=self.zone, origin=name)


@pytest.fixture
def account(tmp_path: Path) -> Account:
    return Account(tmp_path)


def test_a_hostname_is_pending_until_dns_proves_control_and_delegates_the_certificate(account: Account) -> None:
    hostname = account.create()
    assert account.state(hostname) == ("pending", "pending_validation")
    proof = hostname.ownership_verification
    account.dns[proof.name, "TXT"] = [proof.value]
    assert account.state(hostname) == ("active", "pending_validation")
    assert account.served() == []
    delegation: Any = account.api.dcv_delegation.get(zone_id=account.zone)
    account.dns[f"_acme-challenge.{HOST}", "CNAME"] = [f"{HOST}.{delegation.uuid}.dcv.cloudflare.com"]
    assert account.state(hostname) == ("active", "active")
    assert account.served() == [HOST]


def test_an_active_hostname_no_longer_says_which_record_proves_control(account: Account) -> None:
    hostname = account.create()
    assert account.hostnames.get(hostname.id, zone_id=account.zone).ownership_verification is not None
    account.dns[hostname.ownership_verification.name, "TXT"] = [hostname.ownership_verification.value]
    assert account.hostnames.get(hostname.id, zone_id=account.zone).ownership_verification is None
    assert account.hostnames.list(zone_id=account.zone).result[0].ownership_verification is None


def test_an_alias_of_the_fallback_origin_proves_control_too(account: Account) -> None:
    account.fallback_origin("edge.zone.test")
    hostname = account.create()
    account.dns[HOST, "CNAME"] = ["edge.zone.test"]
    assert account.state(hostname)[0] == "active"


def test_the_proof_of_another_hostname_does_not_count(account: Account) -> None:
    first, second = account.create(), account.create("other.example.test")
    account.dns[second.ownership_verification.name, "TXT"] = [first.ownership_verification.value]
    assert account.state(second)[0] == "pending"


def test_a_route_names_only_hosts_of_the_zone_and_custom_hostnames(account: Account) -> None:
    with pytest.raises(cloudflare.BadRequestError, match="is not in the zone"):
        account.api.workers.routes.create(zone_id=account.zone, pattern=f"{HOST}/*")
    account.create()
    for pattern in (f"{HOST}/*", "*/*", "zone.test/*"):
        assert account.api.workers.routes.create(zone_id=account.zone, pattern=pattern)


def test_what_a_zone_cannot_take_is_refused(account: Account) -> None:
    account.create()
    with pytest.raises(cloudflare.ConflictError, match=HOST):
        account.create()
    with pytest.raises(cloudflare.BadRequestError, match=r"belongs to the zone zone\.test itself"):
        account.create("packages.zone.test")
    for number in range(99):
        account.create(f"{number}.example.test")
    with pytest.raises(cloudflare.BadRequestError, match="100 custom hostnames"):
        account.create("more.example.test")


def test_the_fallback_origin_is_a_proxied_record_of_the_zone(account: Account) -> None:
    with pytest.raises(cloudflare.BadRequestError, match="must be a proxied DNS record"):
        account.hostnames.fallback_origin.update(zone_id=account.zone, origin="edge.zone.test")
    account.fallback_origin("edge.zone.test")
    assert account.hostnames.fallback_origin.get(zone_id=account.zone).origin == "edge.zone.test"
    account.hostnames.fallback_origin.delete(zone_id=account.zone)
    with pytest.raises(cloudflare.NotFoundError):
        account.hostnames.fallback_origin.get(zone_id=account.zone)


def test_a_deleted_hostname_is_served_no_longer(account: Account) -> None:
    hostname = account.create()
    account.hostnames.delete(hostname.id, zone_id=account.zone)
    with pytest.raises(cloudflare.NotFoundError):
        account.hostnames.get(hostname.id, zone_id=account.zone)
