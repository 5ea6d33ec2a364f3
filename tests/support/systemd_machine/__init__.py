"""A machine that boots its user data with the real systemd, for tests/systemd.

systemd runs as the first process in Linux namespaces (the script `boot-machine`). It applies all directives of the
machine's units, also the restrictions and the order, which the emulated machines apply in part. The root directory is
the host's with an overlay, so the packages are those of the host.

The machine shares the network of the test. The test must therefore run in a network namespace of its own.

Reference: systemd, "The Container Interface"; cloud-init, "Boot stages"; Linux, "Overlay Filesystem".
"""

from __future__ import annotations

import os
import pwd
import shlex
import shutil
import subprocess
import uuid
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import boto3

from emulation.cloudflare import workerd
from emulation.machines import cloud_init
from emulation.machines.instance import Instance
from emulation.machines.substitutions import NVME_BYTES, Place, substituted
from emulation.machines.supervisor import cloud_environment
from emulation.pki import public_authorities
from tests.support.waiting import eventually

_BOOT = Path(__file__).parent / "boot-machine"

# A container has no udev, this machine must not change the host's clock, and the host has the packages.
_SKIPPED = ("/usr/local/sbin/install-packages", "udevadm", "chrony.service")

# boto3 with all packages that it needs. Debian's boto3 is older than the variable AWS_ENDPOINT_URL.
_PYTHON_PACKAGES = ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "urllib3", "six.py")

# The last stage of cloud-init, which runs the commands of user data once, at the first boot.
_FINAL_STAGE = """\
[Unit]
After=multi-user.target network-online.target
ConditionPathExists=!/var/lib/cloud/data/commands-ran
[Service]
Type=oneshot
ExecStart=/usr/local/sbin/run-commands
ExecStartPost=/usr/bin/touch /var/lib/cloud/data/commands-ran
StandardOutput=append:/var/log/cloud-init-output.log
StandardError=append:/var/log/cloud-init-output.log
"""


@dataclass
class SystemdMachine:
    """A machine in `directory`, which must not be on an overlay. Its processes belong to the control group `group`."""

    directory: Path
    group: Path
    _process: subprocess.Popen[bytes] | None = None

    @property
    def upper(self) -> Path:
        """The files of the machine that differ from the host's."""
        return self.directory / "upper"

    def boot(self) -> None:
        self._process = subprocess.Popen([_BOOT, self.directory, self.group], stdin=subprocess.DEVNULL)

    def run(self, *argv: str, seconds: float = 60) -> subprocess.CompletedProcess[str]:
        """Runs a command on the machine as root. Raises subprocess.TimeoutExpired if it takes longer."""
        inside = [
            "nsenter",
            f"--target={self._first_process()}",
            "--mount",
            "--pid",
            "--uts",
            "--ipc",
            "--root",
            "--wd",
        ]
        return subprocess.run([*inside, *argv], capture_output=True, text=True, check=False, timeout=seconds)

    def units(self, state: str) -> set[str]:
        """Returns the names of the project's units in a state of systemd, such as `running` or `failed`."""
        options = ("--plain", "--no-legend", "--no-pager", f"--state={state}")
        listed = self.run("systemctl", "list-units", *options, "artifact-edge*").stdout
        return {line.split()[0] for line in listed.splitlines()}

    def log(self) -> str:
        return self.run("journalctl", "--no-pager", "--boot", "--unit=artifact-edge*").stdout[-5000:]

    def power_off(self) -> None:
        """Shuts the machine down. Its files stay."""
        assert self._process is not None
        self.run("systemctl", "poweroff")
        self._process.wait(timeout=120)
        self._process = None

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def _first_process(self) -> int:
        """Returns the process ID of the machine's systemd, on the host."""
        assert self._process is not None
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        assert eventually(lambda: bool(children.read_text()))
        return int(children.read_text())


@contextmanager
def machine_in(
    directory: Path, instance: Instance, place: Place, group: Path, name_server: str
) -> Generator[SystemdMachine]:
    """Provides a machine with the user data of `instance`. Its services listen on the address in `place` and on
    127.0.0.1. The machine boots when the test calls `boot`.
    """
    machine = SystemdMachine(directory, group)
    for name in ("upper", "work", "root"):
        (directory / name).mkdir()
    with (directory / "nvme.img").open("wb") as disk:
        disk.truncate(NVME_BYTES)
    user = pwd.getpwnam("trafficserver")
    os.chown(directory / "nvme.img", user.pw_uid, user.pw_gid)
    _write_units_of_a_new_host(machine.upper)
    _write_user_data(machine.upper, instance.user_data, place)
    _write_image(machine.upper, instance, place, name_server)
    try:
        yield machine
    finally:
        machine.kill()


@contextmanager
def control_group() -> Generator[Path]:
    """Provides a control group for a machine (cgroups(7), version 2). Kills all its processes at the end."""
    mounts = (line.split() for line in Path("/proc/mounts").read_text().splitlines())
    hierarchy = next(Path(mount[1]) for mount in mounts if mount[2] == "cgroup2")
    group = hierarchy / f"artifact-edge-{uuid.uuid4().hex[:8]}"
    group.mkdir()
    try:
        yield group
    finally:
        (group / "cgroup.kill").write_text("1")
        assert eventually(lambda: "populated 0" in (group / "cgroup.events").read_text())
        for parent, _, _ in os.walk(group, topdown=False):
            Path(parent).rmdir()


def _write_units_of_a_new_host(upper: Path) -> None:
    """Hides the units that this host has in /etc. The machine starts those of user data, and of Debian's systemd."""
    units = upper / "etc/systemd/system"
    units.mkdir(parents=True)
    os.setxattr(units, "trusted.overlay.opaque", b"y")
    (units / "default.target").symlink_to("/lib/systemd/system/multi-user.target")
    (units / "cloud-init.target").write_text("[Unit]\nAfter=multi-user.target\n")
    (units / "cloud-final.service").write_text(_FINAL_STAGE)
    for target, unit in (("multi-user.target", "cloud-init.target"), ("cloud-init.target", "cloud-final.service")):
        wants = units / f"{target}.wants"
        wants.mkdir()
        (wants / unit).symlink_to(f"../{unit}")


def _write_user_data(upper: Path, user_data: str, place: Place) -> None:
    config = cloud_init.parse(user_data)
    for file in config.files:
        _write(upper, file.path, substituted(file.path, file.content, place), file.permissions)
    commands = [argv for argv in (*config.boot_commands, *config.run_commands) if not set(argv) & set(_SKIPPED)]
    _write(upper, "/usr/local/sbin/run-commands", _script(commands), 0o755)


def _script(commands: Sequence[Sequence[str]]) -> str:
    return "\n".join(["#!/bin/sh", "set -x", *map(shlex.join, commands), ""])


def _write_image(upper: Path, instance: Instance, place: Place, name_server: str) -> None:
    """Writes what a machine has from its image and its cloud: the instance ID, workerd, the certificate authorities,
    the name server, boto3, and the addresses of the emulated AWS.
    """
    _write(upper, "/var/lib/cloud/data/instance-id", f"{instance.id}\n", 0o644)
    _write(upper, "/etc/resolv.conf", f"nameserver {name_server}\n", 0o644)
    authorities = public_authorities(place.sandbox.path("pki", "edge-ca.pem").parent).decode()
    _write(upper, "/etc/ssl/certs/ca-certificates.crt", authorities, 0o644)
    _write(upper, "/etc/systemd/system.conf.d/aws.conf", _manager(cloud_environment(place.sandbox, instance)), 0o644)
    programs = upper / "usr/local/bin"
    programs.mkdir(parents=True, exist_ok=True)
    shutil.copy(workerd.binary(), programs)
    python = ["/usr/bin/python3", "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    target = upper / subprocess.check_output(python, text=True).strip().lstrip("/")
    source = Path(boto3.__file__).parents[1]
    target.mkdir(parents=True)
    for name in _PYTHON_PACKAGES:
        copy = shutil.copytree if (source / name).is_dir() else shutil.copy
        copy(source / name, target / name)


def _manager(environment: Mapping[str, str]) -> str:
    settings = " ".join(f"{name}={value}" for name, value in environment.items())
    return f"[Manager]\nDefaultEnvironment={settings}\n"


def _write(upper: Path, path: str, text: str, permissions: int) -> None:
    file = upper / path.lstrip("/")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    file.chmod(permissions)
