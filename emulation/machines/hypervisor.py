"""Boots, reboots and removes emulated machines until the running machines match the instances that the emulated clouds
list.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from emulation.layout import Sandbox
from emulation.machines import refusals
from emulation.machines.cloud_init import UserDataError
from emulation.machines.instance import BootError, Instance
from emulation.machines.machine import Machine, forget, machine_directory
from emulation.machines.supervisor import Report
from emulation.machines.systemd import UnitError


class MachineSource(Protocol):
    """Returns the running virtual machines of one emulated cloud."""

    def running(self) -> list[Instance]: ...


class Hypervisor:
    """Runs the virtual machines of all emulated clouds. Each call of `reconcile` reads the instances from the clouds,
    and boots, reboots or removes machines.
    """

    def __init__(self, sandbox: Sandbox, sources: Sequence[MachineSource], report: Report) -> None:
        self._sandbox = sandbox
        self._sources = sources
        self._report = report
        self._machines: dict[str, Machine] = {}
        self._refused: dict[str, str] = {}
        refusals.forget_all(sandbox)

    def reconcile(self) -> None:
        """Boots new virtual machines, reboots machines whose address or user data changed, and removes machines that no
        longer exist in their cloud."""
        wanted = {instance.id: instance for source in self._sources for instance in source.running()}
        for identity in self._known() - wanted.keys():
            self._report(f"{identity} no longer exists")
            forget(self._sandbox, identity)
            self._machines.pop(identity, None)
        for instance in wanted.values():
            machine = self._machines.get(instance.id)
            if machine is None or machine.instance != instance:
                self._boot(instance)
        for machine in self._machines.values():
            machine.tend()

    def _boot(self, instance: Instance) -> None:
        if self._refused.get(instance.id) == instance.generation:
            return
        machine = Machine(self._sandbox, instance, self._report)
        self._machines.pop(instance.id, None)
        try:
            machine.boot()
        except (BootError, UnitError, UserDataError) as error:
            self._refused[instance.id] = instance.generation
            refusals.record(self._sandbox, instance.address, str(error))
            self._report(f"{instance.id} does not boot: {error}")
        else:
            refusals.forget(self._sandbox, instance.address)
            self._machines[instance.id] = machine

    def _known(self) -> set[str]:
        """Returns the ids of all emulated machines that have a directory in the sandbox. An earlier run of the
        hypervisor may have created some of the directories.
        """
        directory = machine_directory(self._sandbox, "x").parent
        return {path.name for path in directory.iterdir()} if directory.is_dir() else set()
