"""Boots a shield machine for tests from its user data. The machine runs the real Traffic Server, and uses a stub of its
cloud.
"""

from __future__ import annotations

import os
import random
import signal
import ssl
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from botocore.credentials import Credentials

from emulation import processes
from emulation.layout import AWS_PORT, DNS_PORT, Sandbox
from emulation.machines.hypervisor import Hypervisor
from emulation.machines.instance import Instance
from emulation.machines.machine import machine_directory
from infra.blobs import Bucket
from infra.machines.serving import ServingReports
from infra.shield import BootSettings
from infra.shield.user_data import render_user_data
from tests.support.certificates import Authority
from tests.support.enterable_directory import enterable_directory
from tests.support.shield_origin import Cloud

NEAR = "packages-us-east-1.s3.us-east-1.amazonaws.com"
FAR = "packages-eu-west-1.s3.eu-west-1.amazonaws.com"
# The names of the local NVMe disks of an emulated EC2 machine. By default, a test's machine has only the first disk.
DISKS = tuple(f"nvme-Amazon_EC2_NVMe_Instance_Storage_AWS0000000000000000{number}" for number in (1, 2))
ORIGIN_KEY = "the-origin-key"
EDGE = {"X-Artifact-Edge-Key": ORIGIN_KEY}

BOOT = BootSettings(
    buckets=[Bucket("packages-us-east-1", "us-east-1", NEAR), Bucket("packages-eu-west-1", "eu-west-1", FAR)],
    secret_id="artifact-edge/test/shield",
    secret_regions=["us-east-1"],
    certificate_regions=["us-east-1"],
    certificate_parameter="/artifact-edge/test/shield-certificate",
    serving=ServingReports("/artifact-edge/test/serving", "us-east-1"),
)
ROLE = "arn:aws:iam::123456789012:role/artifact-edge-test-shield"


class Shield:
    """A shield machine that a test boots and stops. `cloud` is a stub of the cloud APIs that the machine calls, and
    `edge` is an HTTP client with the edge's client certificate.
    """

    def __init__(self, sandbox: Sandbox, certificates: Path) -> None:
        self.authority = authority = Authority("edge and shields")
        certificate = authority.issue("us-east-1-0.shield.test")
        client, client_key = authority.issue("edge")
        (certificates / "client.pem").write_text(client + client_key)
        secret = {"client_ca": authority.certificate, "origin_key": ORIGIN_KEY}
        self.sandbox = sandbox
        self.cloud = Cloud(
            sandbox.dns_address,
            AWS_PORT,
            DNS_PORT,
            secret,
            certificate,
            Credentials("local", "local", token="local" * 200),
        )
        self.address = f"{sandbox.loopback}.2.1"
        self.url = f"https://{self.address}:8443"
        self.trust = ssl.create_default_context(cadata=authority.certificate)
        self.trust.check_hostname = False
        self.strangers_trust = ssl.create_default_context(cadata=authority.certificate)
        self.strangers_trust.check_hostname = False
        self.trust.load_cert_chain(certificates / "client.pem")
        self.edge = httpx.Client(base_url=f"{self.url}/objects/", verify=self.trust, headers=EDGE, timeout=30)
        self.reports: list[str] = []
        self.disks = list(DISKS[:1])
        self._hypervisor = Hypervisor(sandbox, [self], self.reports.append)

    def running(self) -> list[Instance]:
        user_data = render_user_data(BOOT, "us-east-1-0", "us-east-1", "aws", ROLE)
        return [Instance("i-0001", self.address, user_data, tuple(self.disks))]

    def up(self, *, after: int | None = None) -> None:
        """Runs the emulated hypervisor until the shield machine's health check passes. Fails after 120 s.

        `after` is the process ID of an earlier Traffic Server. If `after` is given, the method also waits until Traffic
        Server has another process ID, and has therefore been restarted.
        """
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            self._hypervisor.reconcile()
            if self.pid != after and self.health_status() == 200:
                return
            time.sleep(0.2)
        pytest.fail(f"the shield did not come up: {self.reports}")

    def crash(self) -> None:
        """Kills Traffic Server. Runs the emulated hypervisor until the restarted Traffic Server answers a health check,
        with any status. Fails after 120 s.
        """
        before = self.pid
        assert before is not None
        os.killpg(before, signal.SIGKILL)
        deadline = time.monotonic() + 120
        while self.pid in (None, before) or self.health_status() is None:
            if time.monotonic() > deadline:
                pytest.fail(f"the shield did not come up again: {self.reports}")
            self._hypervisor.reconcile()
            time.sleep(0.2)

    def tend_until(self, healthy: bool) -> None:
        """Runs the machine's services and timers until /healthz answers with status 200. If `healthy` is false, waits
        for any other status. Fails after 120 s.
        """
        deadline = time.monotonic() + 120
        while (self.health_status() == 200) is not healthy:
            if time.monotonic() > deadline:
                pytest.fail(f"/healthz answers {self.health_status()}: {self.reports}")
            self._hypervisor.reconcile()
            time.sleep(0.2)

    @property
    def root(self) -> Path:
        """The directory on this computer that is the root directory `/` of the emulated machine."""
        return machine_directory(self.sandbox, "i-0001") / "root"

    def health_status(self) -> int | None:
        try:
            return httpx.get(f"http://{self.address}:8080/healthz", timeout=5).status_code
        except httpx.TransportError:
            return None

    @property
    def pid(self) -> int | None:
        return processes.pid_of(self.sandbox, "machine-i-0001-artifact-edge-shield")

    def down(self) -> None:
        for name in processes.names(self.sandbox):
            processes.stop(self.sandbox, name)


@contextmanager
def booted_shield(disks: Sequence[str] = DISKS[:1]) -> Generator[Shield]:
    """Yields a running shield machine with the given local disks, and stops the machine after the test."""
    with enterable_directory() as directory:
        prefix = f"127.{random.randint(128, 250)}"  # noqa: S311
        # One stub serves the AWS API and DNS for the shield (a regional cache). The AWS API and DNS must therefore have
        # the same address.
        machine = Shield(_OneAddress(directory / "sandbox", prefix), directory)
        machine.disks = list(disks)
        with machine.cloud.running():
            try:
                machine.up()
                yield machine
            finally:
                machine.down()


class _OneAddress(Sandbox):
    @property
    def aws_address(self) -> str:
        return self.dns_address


def body(size: int, seed: int = 0) -> bytes:
    return random.Random(seed).randbytes(size)  # noqa: S311
