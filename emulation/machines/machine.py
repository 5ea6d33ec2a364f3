"""Emulates one virtual machine: a directory as its root, a loopback address, and the processes that its systemd units
start."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import pwd
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from emulation import processes
from emulation.layout import INSTANCES_PATH, Sandbox
from emulation.machines import clock, cloud_init, systemd
from emulation.machines.substitutions import NVME_BYTES, Place, substituted

# The maximum length of a Unix socket's path in bytes (unix(7): 108 bytes with the final zero byte). Traffic Server
# creates sockets in the directory of its machine.
_SOCKET_PATH_LIMIT = 107
_LONGEST_SOCKET = "run/artifact-edge/processerver.sock"

_LONGEST_PAUSE = 30.0
_STEADY_SECONDS = 60.0

Report = Callable[[str], None]


class BootError(Exception):
    """Raised when an emulated machine cannot boot. The error's message names the file, command, package or user that
    prevents the boot.
    """


@dataclass(frozen=True)
class Instance:
    """A running virtual machine, as the API of its cloud describes it.

    `disks` lists the names of the machine's local NVMe disks in /dev/disk/by-id. On Google Cloud, `metadata_host` is
    the address of the machine's metadata server; on EC2 it is empty.
    """

    id: str
    address: str
    user_data: str
    disks: tuple[str, ...] = ("nvme-Amazon_EC2_NVMe_Instance_Storage_AWS00000000000000001",)
    metadata_host: str = ""

    @property
    def generation(self) -> str:
        """Returns a hash of a machine's address and user data. The machine runs its first boot again when the hash
        changes."""
        return hashlib.sha256(f"{self.address}\n{self.user_data}".encode()).hexdigest()


class Machine:
    """An emulated machine. The method `boot` runs the first boot if the machine is new, or if its address or user data
    has changed. Otherwise `boot` only starts the machine's services. The method `tend` later keeps the services and
    timers running.
    """

    def __init__(self, sandbox: Sandbox, instance: Instance, report: Report) -> None:
        self.instance = instance
        self._sandbox = sandbox
        self._report = report
        self._directory = machine_directory(sandbox, instance.id)
        self._place = Place(sandbox, self._directory / "root", instance.address, instance.metadata_host)
        self._state = self._directory / "state.json"
        self._services: dict[str, _Supervisor] = {}
        self._timers: list[_Alarm] = []

    def boot(self) -> None:
        """Runs the first boot of an emulated machine unless the machine has already booted with its present address and
        user data. Then starts the systemd units that the boot enabled.
        """
        enabled = self._enabled_before()
        if enabled is None:
            stop(self._sandbox, self.instance.id)
            self._report(f"{self.instance.id} boots at {self.instance.address}")
            enabled = self._first_boot()
            self._state.write_text(json.dumps({"generation": self.instance.generation, "enabled": enabled}))
        for unit in enabled:
            self._start(unit)

    def tend(self) -> None:
        """Restarts the services of an emulated machine that have ended, and runs its timers that are due. The caller
        calls `tend` about once a second."""
        for keeper in self._services.values():
            keeper.tend()
        for alarm in self._timers:
            alarm.tend()

    def _enabled_before(self) -> list[str] | None:
        try:
            state = json.loads(self._state.read_text())
        except (FileNotFoundError, ValueError):
            return None
        return state["enabled"] if state["generation"] == self.instance.generation else None

    def _first_boot(self) -> list[str]:
        self._check_place()
        config = cloud_init.parse(self.instance.user_data)
        commands = _Commands(self._place, self.instance.disks)
        self._write_instance_id()
        for argv in config.boot_commands:
            commands.run(argv)
        for file in config.files:
            self._write(file)
        for argv in config.run_commands:
            commands.run(argv)
        return commands.enabled

    def _check_place(self) -> None:
        socket = self._place.root / _LONGEST_SOCKET
        if len(os.fsencode(socket)) > _SOCKET_PATH_LIMIT:
            raise BootError(
                f"{socket} is longer than a Unix socket's name may be ({_SOCKET_PATH_LIMIT}); "
                "use a sandbox directory with a shorter path"
            )
        self._place.root.mkdir(parents=True, exist_ok=True)
        if os.geteuid() == 0:
            closed = [path for path in self._place.root.parents if not path.stat().st_mode & 0o001]
            if closed:
                raise BootError(
                    f"services that give up root cannot enter {closed[-1]}; chmod o+x it, or put the sandbox elsewhere"
                )

    def _write_instance_id(self) -> None:
        """Writes the file in which cloud-init keeps the machine's instance ID (cloud-init, "Important directories")."""
        file = self._place.root / "var/lib/cloud/data/instance-id"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{self.instance.id}\n")

    def _write(self, file: cloud_init.BootFile) -> None:
        target = self._place.root / file.path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(substituted(file.path, file.content, self._place))
        target.chmod(file.permissions)

    def _start(self, unit: str) -> None:
        text = (self._place.root / "etc/systemd/system" / unit).read_text()
        if unit.endswith(".timer"):
            timer = systemd.parse_timer(unit, text)
            service = (self._place.root / "etc/systemd/system" / timer.service).read_text()
            self._timers.append(_Alarm(timer, self._supervisor(systemd.parse_service(timer.service, service))))
        else:
            keeper = self._services[unit] = self._supervisor(systemd.parse_service(unit, text))
            keeper.tend()

    def _supervisor(self, service: systemd.Service) -> _Supervisor:
        return _Supervisor(self._sandbox, self.instance, self._place, service, self._report)


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


class _Commands:
    """Emulates the commands that the user data of a machine may run. Raises BootError for a command that is not
    emulated.
    """

    def __init__(self, place: Place, disks: Sequence[str]) -> None:
        self._place = place
        self._disks = disks
        self.enabled: list[str] = []

    def run(self, argv: Sequence[str]) -> None:
        match list(argv):
            case ["systemctl", "mask", _] | ["systemctl", "daemon-reload"] | ["udevadm", "control", "--reload"]:
                # The emulation ignores these commands of user data. The commands would change the host's own systemd
                # units and udev rules.
                pass
            case ["udevadm", "trigger", "--settle", "--subsystem-match=block"]:
                self._attach_nvme()
            case ["/usr/local/sbin/install-packages", *packages]:
                for package in packages:
                    _check_package(package)
            case ["systemctl", "restart", "chrony.service"]:
                self._check_clock()
            case ["systemctl", "enable", "--now", unit]:
                if not (self._place.root / "etc/systemd/system" / unit).is_file():
                    raise BootError(f"runcmd enables {unit}, which write_files does not contain")
                self.enabled.append(unit)
            case _:
                raise BootError(f"user data runs {' '.join(argv)!r}, which is not supported")

    def _check_clock(self) -> None:
        """Checks only which time servers the machine's chrony configuration names. The emulated machine uses the host's
        clock.
        """
        config = self._place.root / "etc/chrony/chrony.conf"
        servers = clock.ON_COMPUTE_ENGINE if self._place.metadata_host else clock.ON_EC2
        try:
            clock.check_sources(config.read_text() if config.exists() else "", servers)
        except clock.ClockError as error:
            raise BootError(str(error)) from error

    def _attach_nvme(self) -> None:
        for disk in self._disks:
            device = self._place.root / "dev/disk/by-id" / disk
            device.parent.mkdir(parents=True, exist_ok=True)
            with device.open("ab") as file:
                file.truncate(NVME_BYTES)
            _change_owner(device, _service_account("trafficserver"))


class _Supervisor:
    """Keeps one systemd service of an emulated machine running. Each further failure in a row doubles the pause before
    the next restart.
    """

    def __init__(
        self, sandbox: Sandbox, instance: Instance, place: Place, service: systemd.Service, report: Report
    ) -> None:
        self._sandbox = sandbox
        self._instance = instance
        self._name = f"machine-{instance.id}-{service.name.removesuffix('.service')}"
        self._place = place
        self._service = service
        self._report = report
        self._user = _service_account(service.user)
        self._pid: int | None = None
        self._started = 0.0
        self._pause = service.restart_seconds
        self._not_before = 0.0

    def tend(self) -> None:
        now = time.monotonic()
        running = processes.pid_of(self._sandbox, self._name)
        if running is not None:
            self._pid = running
            if now - self._started > _STEADY_SECONDS:
                self._pause = self._service.restart_seconds
            return
        if self._pid is not None:
            self._schedule_restart(now)
        if now >= self._not_before:
            self._start_service(now)

    def run_once(self) -> None:
        """Runs a systemd service of type oneshot until it ends, and reports a failure."""
        self._run(self._service.command)

    def _start_service(self, now: float) -> None:
        self._make_directories()
        if all(self._run(argv) for argv in self._service.prepare):
            self._pid = processes.start(
                self._sandbox, self._name, self._service.command, env=self._environment(), user=self._user
            )
            self._started = now
        else:
            self._back_off(now)

    def _schedule_restart(self, now: float) -> None:
        # When a service has ended, its remaining child processes are killed, because they would still hold the
        # service's ports. systemd does the same with the control group of a service.
        with suppress(ProcessLookupError):
            os.killpg(self._pid or 0, signal.SIGKILL)
        self._pid = None
        self._report(f"{self._name} ended; starts again in {self._pause:.0f} s")
        self._back_off(now)

    def _back_off(self, now: float) -> None:
        self._not_before = now + self._pause
        self._pause = min(self._pause * 2, _LONGEST_PAUSE)

    def _make_directories(self) -> None:
        for directory in self._service.directories:
            path = self._place.root / directory.lstrip("/")
            path.mkdir(parents=True, exist_ok=True)
            _change_owner(path, self._user)

    def _run(self, argv: Sequence[str]) -> bool:
        environment = {**_of_the_host(), **self._environment()}
        try:
            done = subprocess.run(argv, env=environment, capture_output=True, text=True, check=False, timeout=60)
        except subprocess.TimeoutExpired:
            self._report(f"{self._name}: {argv[0]} took longer than 60 s")
            return False
        # The sandbox's user runs the scripts of a service, because the service's own user may lack the permission to
        # run the sandbox's Python. Afterwards, the service's user becomes the owner of the files that the scripts
        # wrote.
        for path in _paths_below(self._place.root / "run"):
            with suppress(FileNotFoundError):  # A running service may have removed the file.
                _change_owner(path, self._user)
        if done.returncode != 0:
            self._report(f"{self._name}: {argv[0]} ended with {done.returncode}: {done.stderr.strip()[-500:]}")
        return done.returncode == 0

    def _environment(self) -> dict[str, str]:
        environment = _cloud_environment(self._sandbox, self._instance)
        for path in self._service.environment_files:
            environment |= systemd.parse_environment(Path(path).read_text())
        return environment


class _Alarm:
    def __init__(self, timer: systemd.Timer, keeper: _Supervisor) -> None:
        self._timer = timer
        self._supervisor = keeper
        self._due = time.monotonic() + timer.after

    def tend(self) -> None:
        if time.monotonic() >= self._due:
            self._due = time.monotonic() + self._timer.every
            self._supervisor.run_once()


def _of_the_host() -> dict[str, str]:
    """Returns the variables of this host's environment that programs of an emulated machine need, such as PATH. Cloud
    credentials are left out."""
    return {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}


def _cloud_environment(sandbox: Sandbox, instance: Instance) -> dict[str, str]:
    """Returns the environment variables that make boto3 on an emulated machine use the emulated AWS. On EC2, boto3 also
    finds the credentials of the machine's role.
    """
    if instance.metadata_host:
        return {"AWS_ENDPOINT_URL": sandbox.aws_url, "AWS_EC2_METADATA_DISABLED": "true"}
    metadata = f"{sandbox.aws_url}{INSTANCES_PATH}/{instance.id}/"
    return {"AWS_ENDPOINT_URL": sandbox.aws_url, "AWS_EC2_METADATA_SERVICE_ENDPOINT": metadata}


def _check_package(package: str) -> None:
    present = {
        "trafficserver": lambda: shutil.which("traffic_manager") is not None,
        "python3-boto3": lambda: importlib.util.find_spec("boto3") is not None,
    }
    if package not in present:
        raise BootError(f"package {package} is not supported; supported are {', '.join(sorted(present))}")
    if not present[package]():
        raise BootError(f"package {package} is not installed on this host: apt-get install {package}")


def _service_account(user: str | None) -> str | None:
    """Returns the user that a service of an emulated machine runs as, or None for the user that runs the sandbox.

    The result is always None if root does not run the sandbox, because only root can switch to another user. Raises
    BootError when this host has no user with this name.
    """
    if user is None or os.geteuid() != 0:
        return None
    try:
        pwd.getpwnam(user)
    except KeyError as error:
        raise BootError(
            f"user {user} does not exist on this host; its package creates the user: apt-get install {user}"
        ) from error
    return user


def _change_owner(path: Path, user: str | None) -> None:
    if user is not None:
        shutil.chown(path, user)


def _paths_below(directory: Path) -> Iterator[Path]:
    if directory.is_dir():
        yield directory
    # os.walk skips a directory that a service has removed meanwhile.
    for parent, folders, files in os.walk(directory):
        yield from (Path(parent) / name for name in (*folders, *files))
