"""Finds the running instances of the emulated Compute Engine in all projects."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import httpx

from emulation.gcp import metadata_clients
from emulation.gcp.api import INSTANCES_PATH
from emulation.gcp.boot_disks import runs_cloud_init
from emulation.layout import Sandbox
from emulation.machines.instance import Instance


class GceMachines:
    """Finds the running machines of the emulated Compute Engine, and starts a metadata server for each of them."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._metadata_hosts: dict[str, str] = {}
        # All polls of the Compute Engine API use the same HTTP client. A new client would load all certificate
        # authorities again.
        self._http = httpx.Client(trust_env=False)

    def running(self) -> list[Instance]:
        """Returns all running Compute Engine instances that have a public address and user data. Raises httpx.HTTPError
        if a request to the emulated cloud fails."""
        answer = self._http.get(f"{self._sandbox.gcp_url}{INSTANCES_PATH}").raise_for_status()
        running = [instance for described in answer.json() for instance in self._instances(described)]
        for gone in self._metadata_hosts.keys() - {instance.id for instance in running}:
            metadata_clients.forget(self._sandbox, f"machine-{gone}")
            del self._metadata_hosts[gone]
        return running

    def _instances(self, described: Mapping[str, Any]) -> Iterator[Instance]:
        access = [config for interface in described["networkInterfaces"] for config in interface["accessConfigs"]]
        metadata = {item["key"]: item["value"] for item in described.get("metadata", {}).get("items", [])}
        if access and "user-data" in metadata and runs_cloud_init(described):
            yield Instance(
                id=described["id"],
                address=access[0]["natIP"],
                user_data=metadata["user-data"],
                disks=_local_disks(described),
                metadata_host=self._metadata_host(described),
            )

    def _metadata_host(self, described: Mapping[str, Any]) -> str:
        identity = described["id"]
        if identity not in self._metadata_hosts:
            # The emulation also runs a metadata server for a machine without a service account, but this server issues
            # no tokens.
            account = next((each["email"] for each in described.get("serviceAccounts", [])), "none")
            self._metadata_hosts[identity] = metadata_clients.register(self._sandbox, f"machine-{identity}", account)
        return self._metadata_hosts[identity]


def _local_disks(described: Mapping[str, Any]) -> tuple[str, ...]:
    """Returns the device names of a Compute Engine machine's local SSDs. The SSDs are either requested or belong to the
    machine type (Compute Engine, "About Local SSD disks")."""
    requested = sum(disk.get("type") == "SCRATCH" for disk in described["disks"])
    number = requested or int(described["machineType"].endswith("lssd"))
    return tuple(f"google-local-nvme-ssd-{each}" for each in range(number))
