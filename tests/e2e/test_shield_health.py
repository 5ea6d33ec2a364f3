"""Tests `/healthz` of a shield machine (a regional cache). The answer is 200 only while all disks of the machine's
cache work, and while its certificate and its credentials have not expired.

The machine has two local disks, and runs the real Traffic Server.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.support.shield_machine import DISKS, Shield, booted_shield

pytestmark = pytest.mark.skipif(shutil.which("traffic_manager") is None, reason="needs apt package trafficserver")


@pytest.fixture(scope="module")
def machine() -> Iterator[Shield]:
    with booted_shield(DISKS) as shield:
        yield shield


@pytest.fixture
def shield(machine: Shield) -> Shield:
    """Waits until the shield is healthy again after the previous test."""
    machine.tend_until(healthy=True)
    return machine


def run_file(shield: Shield, name: str) -> Path:
    return shield.root / "run" / "artifact-edge" / name


@pytest.mark.nightly
def test_a_lost_disk_is_unhealthy_until_it_is_back(shield: Shield) -> None:
    disk = shield.root / "dev" / "disk" / "by-id" / DISKS[1]
    taken = disk.rename(disk.with_suffix(".gone"))
    shield.tend_until(healthy=False)
    taken.rename(disk)
    shield.tend_until(healthy=True)


@pytest.mark.nightly
def test_a_disk_that_traffic_server_gave_up_is_unhealthy_until_the_cache_opens_again(shield: Shield) -> None:
    disk = shield.root / "dev" / "disk" / "by-id" / DISKS[1]
    environment = {**os.environ, "TS_RUNROOT": str(shield.root / "etc" / "artifact-edge" / "runroot.yaml")}
    subprocess.run(["traffic_ctl", "storage", "offline", disk], env=environment, check=True)
    shield.tend_until(healthy=False)
    shield.crash()
    shield.tend_until(healthy=True)


def test_a_disk_that_is_missing_after_a_restart_is_unhealthy(shield: Shield) -> None:
    disk = shield.root / "dev" / "disk" / "by-id" / DISKS[0]
    taken = disk.rename(shield.root / "dev" / "disk" / "elsewhere")
    shield.crash()
    shield.tend_until(healthy=False)
    taken.rename(disk)
    shield.crash()
    shield.tend_until(healthy=True)


def test_an_expired_certificate_is_unhealthy_until_the_machine_has_a_new_one(shield: Shield) -> None:
    certificate, key = shield.authority.issue("us-east-1-0.shield.test", lasts=timedelta(seconds=-5))
    run_file(shield, "server_certificate.pem").write_text(certificate)
    run_file(shield, "server_key.pem").write_text(key)
    shield.tend_until(healthy=False)
    # The machine now lacks the file of the private key. It therefore exports the certificate and the key from ACM (AWS
    # Certificate Manager) again.
    run_file(shield, "server_key.pem").unlink()
    shield.tend_until(healthy=True)


def test_expired_origin_credentials_are_unhealthy_until_the_machine_gets_new_ones(shield: Shield) -> None:
    shield.cloud.metadata_fails = True
    try:
        run_file(shield, "origin_credentials_expiry").write_text(f"{int(time.time())}\n")
        shield.tend_until(healthy=False)
    finally:
        shield.cloud.metadata_fails = False
    shield.tend_until(healthy=True)


def test_a_healthy_machine_reports_its_instance_id(shield: Shield) -> None:
    # Before systemd restarts the crashed Traffic Server, it runs the program fetch-secrets. fetch-secrets finds the
    # machine healthy, and reports the machine's instance ID to Parameter Store.
    shield.crash()
    assert shield.cloud.parameters == {"/artifact-edge/test/serving/us-east-1-0": "i-0001"}
