"""Boots, reboots and removes machines so that they match the instances of the emulated clouds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from emulation.layout import Sandbox
from emulation.machines.cloud_init import UserDataError
from emulation.machines.machine import BootError, Instance, Machine, Report, forget, machine_directory
from emulation.machines.systemd import UnitError


class MachineSource(Protocol):
    """The virtual machines of one emulated cloud."""

    def running(self) -> list[Instance]: ...


class Hypervisor:
    """Runs the machines of all emulated clouds. Each call of `reconcile` polls the clouds and acts on what changed."""

    def __init__(self, sandbox: Sandbox, sources: Sequence[MachineSource], report: Report) -> None:
        self._sandbox = sandbox
        self._sources = sources
        self._report = report
        self._machines: dict[str, Machine] = {}
        self._refused: dict[str, str] = {}

    def reconcile(self) -> None:
        """Boots new machines, reboots machines whose address or user data changed, and removes machines that no longer
        exist."""
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
        """Returns the ids of all known machines, including those from an earlier run of this process."""
        directory = machine_directory(self._sandbox, "x").parent
        return {path.name for path in directory.iterdir()} if directory.is_dir() else set()
