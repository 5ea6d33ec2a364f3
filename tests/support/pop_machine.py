"""A stack with one PoP machine that boots from its real user data, for end-to-end tests. The tests connect to the
machine's public address.
"""

from __future__ import annotations

import json
import ssl
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import httpx

from emulation import processes
from emulation.layout import CLIENT_LOCATIONS, POP_HTTPS_PORT
from local import operator
from tests.support.dns_addresses import addresses_for
from tests.support.sandbox.own_stack import OwnStack

DOMAIN = "pops.artifact-edge.example"
HOSTNAME = f"packages.{DOMAIN}"
CONFIG = {
    "aws:region": "us-east-1",
    "artifact-edge:name": "example",
    "artifact-edge:domain": DOMAIN,
    "artifact-edge:tags": {"owner": "platform", "cost_center": "none"},
    "artifact-edge:blobs": {"store": "s3", "regions": ["us-east-1"], "noncurrent_days": 1, "access_log_days": 7},
    "artifact-edge:metadata": {"store": "dynamodb", "regions": ["us-east-1"]},
    "artifact-edge:shields": [{"cloud": "aws", "region": "us-east-1", "machine_type": "i4g.large", "nodes": 1}],
    "artifact-edge:pops": [{"region": "us-east-1", "machine_type": "i4i.large", "nodes": 1}],
    "artifact-edge:pops_percent": 100,
    "artifact-edge:edge": {
        "account_id": "0123456789abcdef0123456789abcdef",
        "zone": "artifact-edge-zone.test",
    },
    "artifact-edge:protect": False,
    "artifact-edge:allow_single_region": True,
}

# The systemd units of the machine that run permanently. Four processes of the edge worker run as instances of the unit
# template `artifact-edge-worker@`.
RUNNING_UNITS = {
    "artifact-edge-entitlements",
    "artifact-edge-front",
    "artifact-edge-l1",
    "artifact-edge-purges",
    "artifact-edge-refusals",
    *(f"artifact-edge-worker@{number}" for number in range(4)),
}
TARBALL = "/npm/@acme/greeting/-/greeting-1.0.0.tgz"


@dataclass(frozen=True)
class PopMachine:
    """A stack with one PoP machine, and clients that connect to the machine's public address."""

    stack: OwnStack
    address: str
    trust: ssl.SSLContext

    def get(self, path: str, token: str = "") -> httpx.Response:
        """Requests a path from this machine, under the hostname that clients use. The machine's certificate must be
        valid for the hostname.
        """
        headers = {"Host": HOSTNAME} | ({"Authorization": f"Bearer {token}"} if token else {})
        with httpx.Client(verify=self.trust, trust_env=False, timeout=60) as http:
            url = f"https://{self.address}:{POP_HTTPS_PORT}{path}"
            return http.get(url, headers=headers, extensions={"sni_hostname": HOSTNAME})

    def is_healthy(self) -> bool:
        try:
            return self.get("/healthz").status_code == 200
        except httpx.TransportError:
            return False

    def token(self, name: str, *grants: str) -> str:
        return operator.issue_token(self.stack.sandbox, self.stack.outputs(), name, grants)

    @cached_property
    def instance(self) -> str:
        """The ID of the machine's instance on EC2."""
        described = self.stack.aws("ec2").describe_addresses(PublicIps=[self.address])
        return described["Addresses"][0]["InstanceId"]

    def processes(self) -> dict[str, int]:
        """Maps the name of each running `artifact-edge-*` service of the machine to its process ID."""
        prefix = f"machine-{self.instance}-"
        names = [name for name in processes.names(self.stack.sandbox) if name.startswith(prefix)]
        found = {name.removeprefix(prefix): processes.pid_of(self.stack.sandbox, name) for name in names}
        return {name: pid for name, pid in found.items() if pid is not None and name.startswith("artifact-edge-")}

    def answers(self) -> list[dict[str, Any]]:
        """Returns the lines of the machine's access log."""
        log = self.stack.sandbox.directory / "machines" / self.instance / "root/var/log/artifact-edge/access.log"
        return [json.loads(line) for line in log.read_text().splitlines()]

    def led_to(self) -> set[str]:
        """Returns the addresses that DNS answers contain, for clients of all locations."""
        sandbox = self.stack.sandbox
        return {address for each in CLIENT_LOCATIONS for address in addresses_for(sandbox, HOSTNAME, each)}

    def log(self) -> str:
        """Returns the log lines of the emulated hypervisor that mention the machine."""
        lines = (self.stack.sandbox.directory / "logs/machines.log").read_text().splitlines()
        return "\n".join(line for line in lines if self.instance in line)
