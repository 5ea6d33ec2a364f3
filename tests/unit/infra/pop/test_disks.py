"""Tests the health check `/healthz` of a PoP machine that loses a disk of its cache. The tests run the real Traffic
Server and NGINX.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Generator

import pytest

from tests.support.enterable_directory import enterable_directory
from tests.support.own_pop import OwnPop, running_pop
from tests.support.waiting import eventually

pytestmark = pytest.mark.skipif(shutil.which("traffic_manager") is None, reason="needs apt package trafficserver")

PATH = "/pypi/files/on-disks/on-disks-1.0.tar.gz"
BODY = b"body"


@pytest.fixture(scope="module")
def machine() -> Generator[OwnPop]:
    with enterable_directory() as directory, running_pop(directory / "pop") as running:
        running.shield.objects[f"/objects{PATH}"] = BODY
        running.entitlements.grant("reader", "pypi:on-disks:pull")
        yield running


@pytest.fixture
def pop(machine: OwnPop) -> OwnPop:
    """Waits until the PoP machine is healthy."""
    assert eventually(lambda: health(machine) == (200, b"ok\n"))
    return machine


def health(pop: OwnPop) -> tuple[int, bytes]:
    pop.check_health()
    answer = pop.request("/healthz")
    return answer.status, answer.body


def tier(pop: OwnPop) -> str | None:
    """Requests the object at PATH. Returns the header X-Cache, which names the tier that answered."""
    return pop.request(PATH, "reader").headers.get("x-cache")


def becomes_unhealthy(pop: OwnPop) -> bool:
    return eventually(lambda: health(pop) == (503, b"L1 does not answer, or lacks a disk\n"), seconds=20)


def test_a_machine_without_one_of_its_disks_is_unhealthy_until_the_disk_is_back(pop: OwnPop) -> None:
    disk = pop.disks[1]
    taken = disk.rename(disk.with_suffix(".gone"))
    assert becomes_unhealthy(pop)
    # An unhealthy machine still answers the requests that reach it.
    assert pop.request(PATH, "reader").body == BODY
    taken.rename(disk)
    assert eventually(lambda: health(pop) == (200, b"ok\n"))


def test_a_machine_that_had_more_disks_before_a_reboot_is_unhealthy(pop: OwnPop) -> None:
    # prepare-nvme writes the number of disks to this file. After a reboot, it never writes a smaller number.
    known = pop.configuration / "disks"
    known.write_text(f"{len(pop.disks) + 1}\n")
    assert becomes_unhealthy(pop)
    known.write_text(f"{len(pop.disks)}\n")


def test_a_machine_is_unhealthy_while_traffic_server_serves_without_a_cache(pop: OwnPop) -> None:
    # This test must be the last test of the module, because it leaves the PoP without a cache.
    for disk in pop.disks:
        disk.chmod(0)
    environment = {**os.environ, "TS_RUNROOT": str(pop.configuration / "runroot.yaml")}
    subprocess.run(["traffic_ctl", "server", "restart"], env=environment, check=True)
    assert eventually(lambda: [tier(pop), tier(pop)] == ["origin; miss", "origin; miss"])
    assert becomes_unhealthy(pop)
