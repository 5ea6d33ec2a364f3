"""Tests the hypervisor and the emulated Compute Engine. Each machine must have a metadata server, which ends together
with the machine.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from flask import Flask
from werkzeug.serving import make_server

from emulation.gcp import boot_disks
from emulation.gcp.api import create_app
from emulation.gcp.metadata_server import MetadataServers
from emulation.layout import GCP_PORT, METADATA_PORT, Sandbox
from emulation.machines.gce import GceMachines
from emulation.machines.hypervisor import Hypervisor
from emulation.state_store import StateStore
from infra.machines import gce
from stacks.config.machine_types import gce_types
from tests.support.enterable_directory import enterable_directory

ZONE = "compute/v1/projects/unit/zones/us-east1-b/instances"
USER_DATA = """\
#cloud-config
write_files:
- {path: /usr/local/sbin/who, permissions: '0755', content: 'http://metadata.google.internal/computeMetadata'}
runcmd: [[udevadm, trigger, --settle, --subsystem-match=block]]
"""


def boot_disk(kind: str | None = None, image: str = "ubuntu-os-cloud/ubuntu-2404-lts-amd64") -> dict[str, Any]:
    return {"boot": True, "initializeParams": {"sourceImage": image, **({"diskType": kind} if kind else {})}}


class Cloud:
    """Provides an emulated Google Cloud at the address that its sandbox reserves for it.

    `served` contains the addresses of the metadata servers that run in this cloud.
    """

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.served: set[str] = set()
        store = StateStore(sandbox.path("gcp", "state.sqlite"))
        app = create_app(store, sandbox.gcp_machine_network)
        MetadataServers(store, sandbox.metadata_network, self._listen).add_to(app)
        self._server = make_server(sandbox.gcp_address, GCP_PORT, app, threaded=True)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.api = httpx.Client(base_url=sandbox.gcp_url)

    def _listen(self, address: str, app: Flask) -> Callable[[], None]:
        self.served.add(address)
        return lambda: self.served.remove(address)

    def start(self, name: str, address: str = "127.95.3.1", user_data: str = USER_DATA, **more: Any) -> None:
        interface = {"subnetwork": "s", "accessConfigs": [{"type": "ONE_TO_ONE_NAT", "natIP": address}]}
        body = {
            "name": name,
            "machineType": "n2-standard-2",
            "disks": [boot_disk(), {"type": "SCRATCH", "interface": "NVME"}],
            "networkInterfaces": [interface],
            "metadata": {"items": [{"key": "user-data", "value": user_data}]},
            **more,
        }
        self.api.post(ZONE, json=body).raise_for_status()

    def end(self, name: str) -> None:
        self.api.delete(f"{ZONE}/{name}").raise_for_status()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    with enterable_directory() as directory:
        running = Cloud(Sandbox(directory=directory, loopback="127.95"))
        yield running
        running.stop()


def test_an_instance_boots_with_its_disks_and_a_metadata_server(cloud: Cloud) -> None:
    cloud.start("shield-0")
    (instance,) = GceMachines(cloud.sandbox).running()
    assert (instance.address, instance.user_data) == ("127.95.3.1", USER_DATA)
    assert instance.metadata_host == f"127.95.4.1:{METADATA_PORT}"
    assert cloud.served == {"127.95.4.1"}
    Hypervisor(cloud.sandbox, [GceMachines(cloud.sandbox)], lambda _: None).reconcile()
    root = cloud.sandbox.directory / "machines" / instance.id / "root"
    assert (root / "usr/local/sbin/who").read_text() == f"http://{instance.metadata_host}/computeMetadata"
    assert [disk.name for disk in (root / "dev/disk/by-id").iterdir()] == ["google-local-nvme-ssd-0"]


def test_an_instance_with_the_name_of_a_deleted_one_is_a_new_machine(cloud: Cloud) -> None:
    hypervisor = Hypervisor(cloud.sandbox, [GceMachines(cloud.sandbox)], lambda _: None)
    machines = cloud.sandbox.directory / "machines"
    cloud.start("shield-0")
    hypervisor.reconcile()
    (first,) = machines.iterdir()
    cloud.end("shield-0")
    cloud.start("shield-0")
    hypervisor.reconcile()
    (second,) = machines.iterdir()
    assert first != second
    cloud.end("shield-0")
    hypervisor.reconcile()
    assert not list(machines.iterdir())
    assert cloud.served == set()


def test_an_address_belongs_to_one_instance_at_a_time(cloud: Cloud) -> None:
    cloud.start("shield-0")
    with pytest.raises(httpx.HTTPStatusError, match="400"):
        cloud.start("shield-1")
    assert [each.address for each in GceMachines(cloud.sandbox).running()] == ["127.95.3.1"]
    cloud.end("shield-0")
    cloud.start("shield-1")
    assert [each.address for each in GceMachines(cloud.sandbox).running()] == ["127.95.3.1"]


def test_an_image_without_cloud_init_ignores_its_user_data(cloud: Cloud) -> None:
    cloud.start("debian", disks=[boot_disk(image="debian-cloud/debian-12")])
    assert GceMachines(cloud.sandbox).running() == []


@pytest.mark.parametrize("machine_type", ["c3-standard-8-lssd", "c4-standard-8-lssd", "z3-highmem-14-standardlssd"])
def test_newer_series_refuse_the_default_boot_disk(cloud: Cloud, machine_type: str) -> None:
    with pytest.raises(httpx.HTTPStatusError, match="400"):
        cloud.start("shield-0", machineType=machine_type, disks=[boot_disk()])


@pytest.mark.parametrize("machine_type", sorted(gce_types()))
def test_every_type_of_shields_boots_with_the_disk_that_the_program_chooses(machine_type: str) -> None:
    parameters = gce.boot_disk(machine_type)
    chosen = boot_disk(str(parameters.get("type")), str(parameters.get("image")))
    described = {"machineType": machine_type, "disks": [chosen]}
    assert boot_disks.problem_of(described) is None
    assert boot_disks.runs_cloud_init(described)
    assert ("arm64" in str(parameters.get("image"))) is machine_type.startswith("c4a-")


def test_an_instance_without_address_or_user_data_is_ignored(cloud: Cloud) -> None:
    cloud.start("no-address", networkInterfaces=[{"subnetwork": "s", "accessConfigs": []}])
    cloud.start("no-user-data", metadata={"items": []})
    assert GceMachines(cloud.sandbox).running() == []


@pytest.mark.parametrize(
    ("machine_type", "disks", "expected"),
    [
        ("n2-standard-2", [], ()),
        ("n2-standard-8", [{"type": "SCRATCH"}] * 2, ("google-local-nvme-ssd-0", "google-local-nvme-ssd-1")),
        ("c4-standard-8-lssd", [], ("google-local-nvme-ssd-0",)),
    ],
)
def test_local_disks_are_requested_or_come_with_the_machine_type(
    cloud: Cloud, machine_type: str, disks: list[dict[str, str]], expected: tuple[str, ...]
) -> None:
    cloud.start("shield-0", machineType=machine_type, disks=[boot_disk("hyperdisk-balanced"), *disks])
    (instance,) = GceMachines(cloud.sandbox).running()
    assert instance.disks == expected
