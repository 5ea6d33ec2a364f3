"""Emulates the commands that the user data of a machine runs."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from emulation.cloudflare import workerd
from emulation.machines import clock, users
from emulation.machines.instance import BootError
from emulation.machines.substitutions import NVME_BYTES, Place

# Debian packages that machines install, each with a program that the package contains.
_PROGRAMS = {"nginx": "nginx", "trafficserver": "traffic_manager"}
# Debian packages that contain no program, each with a file or directory that exists if the package is installed.
_PACKAGE_FILES = {
    "libnginx-mod-http-modsecurity": "/usr/share/nginx/modules/ngx_http_modsecurity_module.so",
    "libnginx-mod-http-set-misc": "/usr/share/nginx/modules/ngx_http_set_misc_module.so",
    "modsecurity-crs": "/usr/share/modsecurity-crs",
}
# Debian packages that contain a Python module and no program. Maps each package to its module. If Python finds the
# module, the package counts as installed.
_PACKAGE_MODULES = {"python3-boto3": "boto3"}


class Commands:
    """Emulates the commands that the user data of a machine may run. Raises BootError for a command that is not
    emulated. `start` starts a systemd unit. `equip` prepares a machine whose user data adds users. The programs of such
    a machine run in a mount namespace, and need files of their own there, such as the command systemctl.
    """

    def __init__(
        self, place: Place, disks: Sequence[str], start: Callable[[str], None], equip: Callable[[], None]
    ) -> None:
        self._place = place
        self._disks = disks
        self._start = start
        self._equip = equip
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
            case ["adduser", "--system", "--group", "--no-create-home", user]:
                self._add_user(user)
            case ["systemd-tmpfiles", "--create", file]:
                create_directories(self._place.root, self._place.root / file.lstrip("/"))
            case ["systemctl", "start", unit]:
                self._check_unit("starts", unit)
                self._start(unit)
            case ["systemctl", "enable", "--now", unit]:
                self._check_unit("enables", unit)
                self.enabled.append(unit)
                self._start(unit)
            case _:
                raise BootError(f"user data runs {' '.join(argv)!r}, which is not supported")

    def _check_unit(self, verb: str, unit: str) -> None:
        if not (self._place.root / "etc/systemd/system" / unit).is_file():
            raise BootError(f"runcmd {verb} {unit}, which write_files does not contain")

    def _add_user(self, user: str) -> None:
        try:
            users.add_system_user(self._place.root, user, self._place.address)
            for program in (sys.executable, str(workerd.binary())):
                users.check_program(self._place.root, user, program)
        except users.UsersError as error:
            raise BootError(str(error)) from error
        self._equip()

    def _check_clock(self) -> None:
        """Emulates the restart of chrony. The method only checks which time servers the machine's chrony configuration
        names, because the emulated machine uses the host's clock.
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
            change_owner(self._place.root, device, service_user(self._place.root, "trafficserver"))


def create_directories(root: Path, file: Path) -> None:
    """Creates the directories that a file of tmpfiles.d lists, as systemd-tmpfiles does at each boot (tmpfiles.d(5)).
    Raises BootError for a line that is not emulated.
    """
    for line in file.read_text().splitlines():
        match line.split():
            case [] | ["#", *_]:
                pass
            case ["d", path, mode, user, group] if user == group and Path(path).is_relative_to(root):
                Path(path).mkdir(parents=True, exist_ok=True)
                Path(path).chmod(int(mode, 8))
                change_owner(root, Path(path), service_user(root, user))
            case _:
                raise BootError(f"{file.name}: the line {line!r} is not supported")


def service_user(root: Path, user: str | None) -> str | None:
    """Returns the user that a service of an emulated machine runs as, or None for the user that runs the sandbox.

    The result is always None if root does not run the sandbox, because only root can switch to another user. Raises
    BootError when the machine has no user with this name.
    """
    if user is None or os.geteuid() != 0:
        return None
    if users.ids(root, user) is None:
        raise BootError(
            f"user {user} does not exist on this host; its package creates the user: apt-get install {user}"
        )
    return user


def change_owner(root: Path, path: Path, user: str | None) -> None:
    """Makes a user of a machine the owner of a file. Without a user, the file keeps its owner."""
    found = users.ids(root, user) if user is not None else None
    if found is not None:
        os.chown(path, *found)


def _check_package(package: str) -> None:
    supported = sorted({*_PROGRAMS, *_PACKAGE_FILES, *_PACKAGE_MODULES})
    if package not in supported:
        raise BootError(f"package {package} is not supported; supported are {', '.join(supported)}")
    if package in _PROGRAMS:
        present = shutil.which(_PROGRAMS[package]) is not None
    elif package in _PACKAGE_FILES:
        present = Path(_PACKAGE_FILES[package]).exists()
    else:
        present = importlib.util.find_spec(_PACKAGE_MODULES[package]) is not None
    if not present:
        raise BootError(f"package {package} is not installed on this host: apt-get install {package}")
