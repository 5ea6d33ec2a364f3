"""Boots a PoP machine and a shield from their real user data with the real systemd, and not with the emulated one of
the other tests. `make test-systemd` runs these tests as root, in a network namespace of their own.
"""

from __future__ import annotations

import ssl
import tempfile
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from emulation.machines.ec2 import Ec2Machines
from emulation.machines.substitutions import Place
from local.health import edge_authority
from local.samples import build
from tests.support.needs_root import needs_root
from tests.support.pop_machine import CONFIG, RUNNING_UNITS, TARBALL, PopMachine
from tests.support.sandbox.own_stack import OwnStack, own_stack
from tests.support.systemd_machine import SystemdMachine, control_group, machine_in
from tests.support.waiting import eventually

LOOPBACK = "127.66"
# Addresses that no emulated machine has. The emulated machines of the stack run too.
POP, SHIELD = f"{LOOPBACK}.99.1", f"{LOOPBACK}.99.2"

pytestmark = needs_root


@pytest.fixture(scope="module")
def stack() -> Generator[OwnStack]:
    with own_stack(LOOPBACK, "systemd", CONFIG) as stack:
        yield stack


@contextmanager
def booted(stack: OwnStack, address: str, is_wanted: Callable[[str], bool]) -> Generator[SystemdMachine]:
    """Boots the user data of the stack's machine whose public address is wanted."""
    (pop,) = stack.outputs()["pops"]
    (instance,) = [each for each in Ec2Machines(stack.sandbox).running() if is_wanted(each.address)]
    with tempfile.TemporaryDirectory() as directory, control_group() as group:
        place = Place(stack.sandbox, Path(directory) / "root", address, has_own_root=True)
        with machine_in(Path(directory), instance, place, group, name_server=pop["address"]) as machine:
            machine.boot()
            yield machine


@pytest.fixture(scope="module")
def machine(stack: OwnStack) -> Generator[SystemdMachine]:
    (pop,) = stack.outputs()["pops"]
    with booted(stack, POP, lambda address: address == pop["address"]) as machine:
        yield machine


@pytest.fixture
def pop(stack: OwnStack, machine: SystemdMachine) -> PopMachine:
    made = PopMachine(stack, POP, ssl.create_default_context(cafile=str(edge_authority(stack.sandbox))))
    assert eventually(made.is_healthy), machine.log()
    return made


def all_run(machine: SystemdMachine) -> bool:
    return {unit.removesuffix(".service") for unit in machine.units("running")} >= RUNNING_UNITS


def test_all_units_of_a_pop_machine_run(machine: SystemdMachine) -> None:
    assert eventually(lambda: all_run(machine)), machine.log()
    assert machine.units("failed") == set()


def test_a_pop_machine_serves_a_package_to_a_client_with_a_token(pop: PopMachine, tmp_path: Path) -> None:
    assert pop.get(TARBALL).status_code == 401
    answer = pop.get(TARBALL, pop.token("systemd-reader", "npm:*:pull"))
    assert answer.status_code == 200
    assert answer.content == build(tmp_path).files[0].read_bytes()


def test_services_use_a_new_secret_and_a_new_worker_at_once(machine: SystemdMachine, pop: PopMachine) -> None:
    """A machine fetches its settings each minute, and restarts or reloads the services that use a changed one. systemd
    must not make the two wait for each other.
    """

    def workers() -> set[str]:
        return set(machine.run("pgrep", "--full", "nginx: worker process|workerd serve").stdout.split())

    before = workers()
    # The ticket key of NGINX changes, and the worker's processes look as if they had started with other files.
    machine.run("sh", "-c", "cd /run/artifact-edge && echo old > ticket.key && echo old > started")
    fetched = machine.run("systemctl", "start", "artifact-edge-settings.service")
    assert fetched.returncode == 0, fetched.stderr
    assert eventually(lambda: bool(workers()) and before.isdisjoint(workers())), machine.log()
    assert eventually(pop.is_healthy), machine.log()


def test_a_pop_machine_serves_again_after_a_reboot_and_keeps_its_objects(
    machine: SystemdMachine, pop: PopMachine
) -> None:
    token = pop.token("systemd-after-reboot", "npm:*:pull")
    assert eventually(lambda: pop.get(TARBALL, token).headers.get("x-cache") == "edge; hit")
    machine.power_off()
    machine.boot()
    assert eventually(lambda: all_run(machine)), machine.log()
    assert eventually(pop.is_healthy), machine.log()
    answer = pop.get(TARBALL, token)
    assert (answer.status_code, answer.headers["x-cache"]) == (200, "edge; hit")
    assert machine.units("failed") == set()


def test_a_shield_boots_and_is_healthy_and_again_after_a_reboot(stack: OwnStack) -> None:
    (pop,) = stack.outputs()["pops"]

    def is_healthy() -> bool:
        try:
            return httpx.get(f"http://{SHIELD}:8080/healthz", timeout=5, trust_env=False).status_code == 200
        except httpx.TransportError:
            return False

    with booted(stack, SHIELD, lambda address: address != pop["address"]) as machine:
        assert eventually(is_healthy), machine.log()
        machine.power_off()
        assert not is_healthy()
        machine.boot()
        assert eventually(is_healthy), machine.log()
        assert "artifact-edge-shield.service" in machine.units("running")
        assert machine.units("failed") == set()
