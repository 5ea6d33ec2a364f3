"""Emulates one virtual machine: a directory as its root, a loopback address, and the processes that its systemd units
start."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from emulation import processes
from emulation.cloudflare import workerd
from emulation.layout import IMPORT_ROOT, Sandbox
from emulation.machines import cloud_init, systemctl, systemd, users
from emulation.machines.commands import Commands, create_directories
from emulation.machines.instance import BootError, Instance
from emulation.machines.substitutions import Place, substituted
from emulation.machines.supervisor import Alarm, Report, Supervisor
from emulation.pki import public_authorities

# The maximum length of a Unix socket's path in bytes (unix(7): 108 bytes with the final zero byte). The limit applies
# to the sockets that programs create below the directory of an emulated machine, because the path of this directory can
# be long. The first socket is Traffic Server's on a shield (a regional cache), and the second is workerd's on a PoP.
_SOCKET_PATH_LIMIT = 107
_LONGEST_SOCKET = "run/artifact-edge/processerver.sock"
_LONGEST_SOCKET_WITH_USERS = "run/artifact-edge/sockets/decisions-0.sock"


class Machine:
    """An emulated machine. The method `boot` runs the first boot if the machine is new, or if its address or user data
    has changed. Otherwise `boot` only starts the machine's services, after a reboot with an empty /run. The method
    `tend` later keeps the services and timers running.
    """

    def __init__(self, sandbox: Sandbox, instance: Instance, report: Report) -> None:
        self.instance = instance
        self._sandbox = sandbox
        self._report = report
        self._directory = machine_directory(sandbox, instance.id)
        self._place = Place(sandbox, self._directory / "root", instance.address, instance.metadata_host)
        self._state = self._directory / "state.json"
        self._services: dict[str, Supervisor] = {}
        self._timers: list[Alarm] = []

    def boot(self) -> None:
        """Runs the first boot of an emulated machine unless the machine has already booted with its present address and
        user data. Later boots start the systemd units that the first boot enabled.
        """
        recorded = self._last_boot()
        if recorded is None:
            stop(self._sandbox, self.instance.id)
            self._report(f"{self.instance.id} boots at {self.instance.address}")
            self._record_boot(self._first_boot())
            return
        enabled, reboots = recorded
        if reboots != self.instance.reboots:
            self._report(f"{self.instance.id} reboots")
            stop(self._sandbox, self.instance.id)
            self._empty_memory()
            self._record_boot(enabled)
        if users.has_own_users(self._place.root):
            self._start_resolver()
        for unit in enabled:
            self._start(unit)

    def tend(self) -> None:
        """Restarts the services of an emulated machine that have ended, and runs its timers that are due. The caller
        calls `tend` about once a second."""
        for keeper in self._services.values():
            keeper.tend()
        for alarm in self._timers:
            alarm.tend()

    def _last_boot(self) -> tuple[list[str], int] | None:
        """Returns the units that the first boot enabled, and the machine's reboot count at the time of its last boot.
        Returns None if the machine has not booted with its current address and user data.
        """
        try:
            state = json.loads(self._state.read_text())
        except (FileNotFoundError, ValueError):
            return None
        is_current = state["generation"] == self.instance.generation
        return (state["enabled"], state.get("reboots", 0)) if is_current else None

    def _record_boot(self, enabled: Sequence[str]) -> None:
        state = {"generation": self.instance.generation, "enabled": enabled, "reboots": self.instance.reboots}
        self._state.write_text(json.dumps(state))

    def _empty_memory(self) -> None:
        """Emulates what a reboot does to a machine's files. Deletes /run, because a real machine keeps it in memory and
        loses it. Then creates the directories that the machine's tmpfiles.d files list, as systemd does at boot.
        """
        shutil.rmtree(self._place.root / "run", ignore_errors=True)
        for file in sorted((self._place.root / "etc/tmpfiles.d").glob("*.conf")):
            create_directories(self._place.root, file)

    def _first_boot(self) -> list[str]:
        self._check_place()
        config = cloud_init.parse(self.instance.user_data)
        commands = Commands(self._place, self.instance.disks, self._start, self._equip)
        self._write_instance_id()
        for argv in config.boot_commands:
            commands.run(argv)
        for file in config.files:
            self._write(file)
        for argv in config.run_commands:
            commands.run(argv)
        return commands.enabled

    def _check_place(self) -> None:
        self._check_socket(_LONGEST_SOCKET)
        self._place.root.mkdir(parents=True, exist_ok=True)
        if os.geteuid() == 0:
            closed = [path for path in self._place.root.parents if not path.stat().st_mode & 0o001]
            if closed:
                raise BootError(
                    f"services that give up root cannot enter {closed[-1]}; chmod o+x it, or put the sandbox elsewhere"
                )

    def _check_socket(self, name: str) -> None:
        socket = self._place.root / name
        if len(os.fsencode(socket)) > _SOCKET_PATH_LIMIT:
            raise BootError(
                f"{socket} is longer than a Unix socket's name may be ({_SOCKET_PATH_LIMIT}); "
                "use a sandbox directory with a shorter path"
            )

    def _write_instance_id(self) -> None:
        """Writes the file in which cloud-init stores the instance ID (cloud-init, "Important directories")."""
        file = self._place.root / "var/lib/cloud/data/instance-id"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{self.instance.id}\n")

    def _write(self, file: cloud_init.BootFile) -> None:
        target = self._place.root / file.path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(substituted(file.path, file.content, self._place))
        target.chmod(file.permissions)

    def _equip(self) -> None:
        """Provides what a machine on EC2 gets from its image, its network and its host, but an emulated machine lacks:
        the command systemctl, the public certificate authorities, workerd, and a DNS resolver.
        """
        self._check_socket(_LONGEST_SOCKET_WITH_USERS)
        root = self._place.root
        command = root / "usr/local/sbin/systemctl"
        command.parent.mkdir(parents=True, exist_ok=True)
        command.write_text(systemctl.PROGRAM)
        command.chmod(0o755)
        authorities = root / users.AUTHORITIES
        authorities.parent.mkdir(parents=True, exist_ok=True)
        authorities.write_bytes(public_authorities(self._sandbox.path("pki", "edge-ca.pem").parent))
        program = root / "usr/local/bin/workerd"
        program.parent.mkdir(parents=True, exist_ok=True)
        program.unlink(missing_ok=True)
        program.symlink_to(workerd.binary())
        self._start_resolver()

    def _start_resolver(self) -> None:
        """Starts the resolver of a machine that has a `resolv.conf` of its own, if the resolver does not run yet."""
        options = ("--directory", self._sandbox.directory, "--address", self.instance.address)
        command = (processes.interpreter(), "-m", "emulation.machines.resolver", *options)
        processes.start(self._sandbox, f"machine-{self.instance.id}-resolver", command, cwd=IMPORT_ROOT)

    def _start(self, unit: str) -> None:
        if unit.endswith(".timer"):
            timer = systemd.parse_timer(unit, self._unit_file(unit))
            self._timers.append(Alarm(timer, self.service(timer.service)))
        elif unit.endswith(".target"):
            for wanted in systemd.parse_target(unit, self._unit_file(unit)):
                self._start(wanted)
        else:
            self._start_service(unit)

    def _start_service(self, unit: str) -> None:
        keeper = self.service(unit)
        if keeper.runs_once:
            # The boot continues even if this service, which runs once, fails.
            keeper.run_once()
        else:
            self._services[unit] = keeper
            keeper.tend()

    def service(self, unit: str) -> Supervisor:
        """Returns a supervisor of a service of the machine, from the service's unit file."""
        service = systemd.parse_service(unit, self._unit_file(unit))
        return Supervisor(self._sandbox, self.instance, self._place, service, self.service, self._report)

    def _unit_file(self, unit: str) -> str:
        """Returns the text of a unit's file. In the file of a template, `%i` is the name of the instance."""
        template, instance = systemd.template_of(unit)
        file = self._place.root / "etc/systemd/system" / template
        if not file.is_file():
            raise systemd.UnitError(f"{unit} has no unit file")
        return file.read_text().replace("%i", instance)


def machine_directory(sandbox: Sandbox, instance_id: str) -> Path:
    return sandbox.directory / "machines" / instance_id


def stop(sandbox: Sandbox, instance_id: str) -> None:
    """Ends all processes of an emulated machine. Keeps the directory in the sandbox that serves as the machine's
    disk.
    """
    for name in processes.names(sandbox):
        if name.startswith(f"machine-{instance_id}-"):
            processes.stop(sandbox, name)


def forget(sandbox: Sandbox, instance_id: str) -> None:
    """Ends all processes of an emulated machine, and deletes the directory that serves as the machine's disk. A cloud
    deletes the disk too when it terminates an instance.
    """
    stop(sandbox, instance_id)
    shutil.rmtree(machine_directory(sandbox, instance_id), ignore_errors=True)
