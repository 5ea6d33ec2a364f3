"""Makes the machines that run be those that the emulated clouds say are running."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from emulation.layout import Sandbox
from emulation.machines.cloud_init import UserDataError
from emulation.machines.machine import BootError, Instance, Machine, Report, forget, machine_directory
from emulation.machines.systemd import UnitError


class MachineSource(Protocol):
    """One emulated cloud's virtual machines."""

    def running(self) -> list[Instance]: ...


class Hypervisor:
    """One look at the clouds, and what follows from it, a `reconcile`."""

    def __init__(self, sandbox: Sandbox, sources: Sequence[MachineSource], report: Report) -> None:
        self._sandbox = sandbox
        self._sources = sources
        self._report = report
        self._machines: dict[str, Machine] = {}
        self._refused: dict[str, str] = {}

    def reconcile(self) -> None:
        """Boots new machines, reboots those whose address or user data changed, forgets those that are gone."""
        wanted = {instance.id: instance for source in self._sources for instance in source.running()}
        for identity in self._known() - wanted.keys():
            self._report(f"{identity} is gone")
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
            self._report(f"{instance.id} does not boot: {error}")
        else:
            self._machines[instance.id] = machine

    def _known(self) -> set[str]:
        """Machines of an earlier run of this process count too."""
        directory = machine_directory(self._sandbox, "x").parent
        return {path.name for path in directory.iterdir()} if directory.is_dir() else set()
