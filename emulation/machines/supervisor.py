"""Keeps the systemd services and timers of an emulated machine running."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from emulation import processes
from emulation.layout import INSTANCES_PATH, Sandbox
from emulation.machines import systemctl, systemd, users
from emulation.machines.commands import change_owner, service_user
from emulation.machines.instance import Instance
from emulation.machines.substitutions import Place, substituted
from emulation.machines.systemctl import Controlled, Manager

_LONGEST_PAUSE = 30.0
_STEADY_SECONDS = 60.0
# The timeout, in seconds, of each command of a service that the hypervisor waits for, such as the commands that prepare
# the start of the service.
_LONGEST_RUN = 60.0
# The interval, in seconds, at which the hypervisor checks whether a command has ended.
_POLL_SECONDS = 0.1

Report = Callable[[str], None]
_Done = subprocess.CompletedProcess[str]


class Supervisor:
    """Keeps one systemd service of an emulated machine running. Each further failure in a row doubles the pause before
    the next restart.
    """

    def __init__(
        self,
        sandbox: Sandbox,
        instance: Instance,
        place: Place,
        service: systemd.Service,
        other: Callable[[str], Controlled],
        report: Report,
    ) -> None:
        self._sandbox = sandbox
        self._instance = instance
        self._name = f"machine-{instance.id}-{service.name.removesuffix('.service')}"
        self._place = place
        self._service = service
        self._other = other
        self._report = report
        self._user = service_user(place.root, service.user)
        self._pid: int | None = None
        self._started = 0.0
        self._pause = service.restart_seconds
        self._not_before = 0.0

    @property
    def runs_once(self) -> bool:
        return self._service.runs_once

    @property
    def after(self) -> tuple[str, ...]:
        return self._service.after

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
        self._adapt_fetched_programs()
        self._run(self._service.command)

    def is_active(self) -> bool:
        return processes.pid_of(self._sandbox, self._name) is not None

    def restart(self) -> bool:
        """Restarts the service, or starts it if it does not run. Returns whether a process of the service runs
        afterwards.
        """
        processes.stop(self._sandbox, self._name)
        self._start_service(time.monotonic())
        return self.is_active()

    def reload(self) -> bool:
        """Makes a running service read its configuration again. Returns whether the service's commands succeed."""
        pid = processes.pid_of(self._sandbox, self._name)
        commands = [
            systemd.Command(tuple(str(pid) if word == "$MAINPID" else word for word in command.argv))
            for command in self._service.reload
        ]
        return pid is not None and bool(commands) and all(map(self._run, commands))

    def _start_service(self, now: float) -> None:
        self._make_directories()
        self._adapt_fetched_programs()
        if all(map(self._run, self._service.prepare)):
            try:
                self._pid = self._start_process()
                self._started = now
                return
            except OSError as error:
                self._report(f"{self._name} cannot start: {error}")
        self._back_off(now)

    def _start_process(self) -> int:
        command, environment = self._service.command, self._environment()
        if users.has_own_users(self._place.root):
            inside = users.in_machine(self._place.root, self._service, command)
            return processes.start(self._sandbox, self._name, inside, env=environment)
        return processes.start(self._sandbox, self._name, command.argv, env=environment, user=self._user)

    def _adapt_fetched_programs(self) -> None:
        """Changes the programs that the machine has fetched, so that they run on an emulated machine. The changes are
        the substitutions that the emulation also applies to the files in user data (substitutions.py).
        """
        for file in (self._place.root / "usr/local/bin").glob("*"):
            # The symbolic link `workerd` points to a binary of the host. The binary contains nothing to substitute, and
            # this method would need too long to read its more than 100 MB.
            if file.is_symlink():
                continue
            with suppress(UnicodeDecodeError, FileNotFoundError):
                text = file.read_text()
                adapted = substituted(f"/usr/local/bin/{file.name}", text, self._place)
                if adapted != text:
                    file.write_text(adapted)

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
            change_owner(self._place.root, path, self._user)

    def _run(self, command: systemd.Command) -> bool:
        program, is_separate = command.argv[0], users.has_own_users(self._place.root)
        try:
            environment = {**_of_the_host(), **self._environment()}
            done = (self._run_in_machine if is_separate else _run_on_host)(command, environment)
        except subprocess.TimeoutExpired:
            self._report(f"{self._name}: {program} took longer than {_LONGEST_RUN:.0f} s")
            return False
        except OSError as error:
            self._report(f"{self._name}: {program} cannot start: {error}")
            return False
        except systemctl.DeadlockError as error:
            self._report(f"{self._name}: {program}: {error}")
            return False
        if not is_separate:
            self._hand_over_files()
        if done.returncode != 0:
            self._report(f"{self._name}: {program} ended with {done.returncode}: {done.stderr.strip()[-500:]}")
        return done.returncode == 0

    def _run_in_machine(self, command: systemd.Command, environment: Mapping[str, str]) -> _Done:
        """Runs a service's command on an emulated machine whose user data adds system users. The command runs in the
        machine's mount namespace. Until the command ends, the method answers the command's calls of systemctl.
        """
        argv = users.in_machine(self._place.root, self._service, command)
        path = self._place.root.parent / f"{self._service.name}.sock"
        deadline = time.monotonic() + _LONGEST_RUN
        with Manager(path, self._service.name, self._other) as manager, tempfile.TemporaryFile("w+") as errors:
            settings = {**environment, systemctl.VARIABLE: str(manager.path)}
            process = subprocess.Popen(argv, env=settings, stdout=subprocess.DEVNULL, stderr=errors)
            try:
                while process.poll() is None:
                    if time.monotonic() > deadline:
                        raise subprocess.TimeoutExpired(argv, _LONGEST_RUN)
                    manager.answer(_POLL_SECONDS)
            finally:
                process.kill()  # does nothing if the process has ended
                process.wait()
            errors.seek(0)
            return _Done(argv, process.returncode, "", errors.read())

    def _hand_over_files(self) -> None:
        # The sandbox's user runs the scripts of a service, because the service's own user may lack the permission to
        # run the sandbox's Python. Afterwards, the service's user becomes the owner of the files that the scripts
        # wrote.
        for path in _paths_below(self._place.root / "run"):
            with suppress(FileNotFoundError):  # A running service may have removed the listed file.
                change_owner(self._place.root, path, self._user)

    def _environment(self) -> dict[str, str]:
        environment = cloud_environment(self._sandbox, self._instance)
        if users.has_own_users(self._place.root):
            environment |= users.environment(self._place.root, os.environ)
        for path in self._service.environment_files:
            environment |= systemd.parse_environment(Path(path).read_text())
        return {**environment, **self._service.environment}


class Alarm:
    def __init__(self, timer: systemd.Timer, keeper: Supervisor) -> None:
        self._timer = timer
        self._supervisor = keeper
        self._due = [time.monotonic() + seconds for seconds in timer.after]

    def tend(self) -> None:
        now = time.monotonic()
        if now >= self._due[0]:
            self._due = [due for due in self._due if due > now] or [now + self._timer.every]
            self._supervisor.run_once()


def _run_on_host(command: systemd.Command, environment: Mapping[str, str]) -> _Done:
    return subprocess.run(
        command.argv, env=environment, capture_output=True, text=True, check=False, timeout=_LONGEST_RUN
    )


def _of_the_host() -> dict[str, str]:
    """Returns the variables of this host's environment that programs of an emulated machine need, such as PATH. Cloud
    credentials are left out."""
    return {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}


def cloud_environment(sandbox: Sandbox, instance: Instance) -> dict[str, str]:
    """Returns the environment variables that make boto3 on an emulated machine use the emulated AWS. On EC2, boto3 also
    finds the credentials of the machine's role.
    """
    if instance.metadata_host:
        return {"AWS_ENDPOINT_URL": sandbox.aws_url, "AWS_EC2_METADATA_DISABLED": "true"}
    metadata = f"{sandbox.aws_url}{INSTANCES_PATH}/{instance.id}/"
    return {"AWS_ENDPOINT_URL": sandbox.aws_url, "AWS_EC2_METADATA_SERVICE_ENDPOINT": metadata}


def _paths_below(directory: Path) -> Iterator[Path]:
    if directory.is_dir():
        yield directory
    # os.walk skips a directory that a service has removed meanwhile.
    for parent, folders, files in os.walk(directory):
        yield from (Path(parent) / name for name in (*folders, *files))
