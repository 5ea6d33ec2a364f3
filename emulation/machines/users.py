"""The users of an emulated machine, and the commands that run as these users.

A machine whose user data adds a user has lists of users and groups of its own. Its programs run in a mount namespace,
in which these lists and the machine's `resolv.conf` take the place of the host's files in /etc. Only root can make such
a namespace. All other machines have the host's users, and no namespace.

Reference: adduser(8), unshare(1), setpriv(1).
"""

from __future__ import annotations

import os
import pwd
import shlex
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from emulation.machines import systemd

# The files that list users and groups and name the DNS resolver. A machine whose user data adds a user has its own
# copies of these files. The machine's programs read these copies and not the host's files.
_FILES = ("etc/passwd", "etc/group", "etc/resolv.conf")
# The file with the certificate authorities that programs on a machine with its own users trust.
AUTHORITIES = "etc/ssl/public.pem"
# The user and group IDs that adduser assigns to system users on Debian: FIRST_SYSTEM_UID to LAST_SYSTEM_UID of
# adduser.conf(5).
_SYSTEM_IDS = range(100, 1000)


class UsersError(Exception):
    """Raised when a machine cannot have a user. The message names the user."""


def add_system_user(root: Path, name: str, name_server: str) -> None:
    """Adds a user and a group with the same name to a machine, as `adduser --system --group --no-create-home` does. An
    existing user stays as it is. `name_server` is the address of the machine's DNS resolver.

    Raises UsersError unless root runs the sandbox and may make mount namespaces.
    """
    _check_root(root, name)
    passwd, group, resolver = (root / file for file in _FILES)
    passwd.parent.mkdir(parents=True, exist_ok=True)
    users, groups = (file if file.exists() else Path("/etc") / file.name for file in (passwd, group))
    if name not in dict(_entries(users)):
        number = _free_number(users, groups)
        users_text, groups_text = users.read_text(), groups.read_text()
        passwd.write_text(f"{users_text}{name}:x:{number}:{number}::/nonexistent:/usr/sbin/nologin\n")
        group.write_text(f"{groups_text}{name}:x:{number}:\n")
    resolver.write_text(f"nameserver {name_server}\n")


def _check_root(root: Path, name: str) -> None:
    """Raises UsersError unless this process can run programs as the user `name` of an emulated machine. The error's
    message contains the remedy.
    """
    if os.geteuid() != 0:
        raise UsersError(f"only root can run a machine with a user of its own ({name}); start the sandbox as root")
    command = ["unshare", "--mount", "--", "mount", "--bind", str(root), str(root)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise UsersError(
            f"a machine with a user of its own ({name}) needs a mount namespace, which root cannot make here: "
            f"{result.stderr.strip()}; containers need the capability SYS_ADMIN for it"
        )


def has_own_users(root: Path) -> bool:
    return (root / _FILES[0]).exists()


def ids(root: Path, name: str) -> tuple[int, int] | None:
    """Returns the UID and the GID of a machine's user, or None if the machine has no such user."""
    if has_own_users(root):
        return dict(_entries(root / _FILES[0])).get(name)
    try:
        found = pwd.getpwnam(name)
    except KeyError:
        return None
    return found.pw_uid, found.pw_gid


def in_machine(root: Path, service: systemd.Service, command: systemd.Command) -> Sequence[str]:
    """Returns the command line that runs a service's command on a machine that has its own lists of users and groups.
    The command runs in a mount namespace with these lists in /etc.
    """
    mounts = [("--bind", root / file, f"/{file}") for file in _FILES]
    limits: list[str] = []
    if not command.privileged:
        mounts += _read_only_mounts(root, service.writable)
        limits = _limits(service)
    script = [shlex.join(["mount", *map(str, each)]) for each in mounts]
    script += [
        shlex.join(["cd", service.directory]),
        f"umask {service.umask}",
        shlex.join(["exec", *limits, *command.argv]),
    ]
    return ["unshare", "--mount", "--", "/bin/sh", "-c", " && ".join(script)]


def _read_only_mounts(root: Path, writable: Sequence[str] | None) -> list[tuple[str | Path, ...]]:
    """Returns the arguments of the `mount` commands that make a machine's root directory read-only, as
    `ProtectSystem=strict` does (systemd.exec(5)). /dev and the paths in `writable` stay writable. If a path in
    `writable` does not exist, its mount fails, and the service does not start. If `writable` is None, no mounts are
    needed.
    """
    if writable is None:
        return []
    dev = [root / "dev"] if (root / "dev").exists() else []
    kept = [("--bind", path, path) for path in (*dev, *writable)]
    return [("--bind", root, root), *kept, ("-o", "remount,bind,ro", root)]


def _limits(service: systemd.Service) -> list[str]:
    """Returns the `setpriv` command that limits a service to the user, the capabilities and the privileges in its unit
    file. The caller appends the service's own command. Returns an empty list if the unit file sets no limits.
    """
    options: list[str] = []
    if service.user:
        options += [f"--reuid={service.user}", f"--regid={service.user}", "--init-groups"]
    if service.capabilities is not None:
        kept = [f"+{name.removeprefix('CAP_').lower()}" for name in service.capabilities]
        options.append(f"--bounding-set={','.join(['-all', *kept])}")
    if service.without_new_privileges:
        options.append("--no-new-privs")
    return ["setpriv", *options, "--"] if options else []


def check_program(root: Path, name: str, program: str) -> None:
    """Raises UsersError if the user `name` of an emulated machine cannot run a program that is installed on the host.
    For example, no other user can run a program in root's home directory.
    """
    user, group = dict(_entries(root / _FILES[0]))[name]
    command = ["setpriv", f"--reuid={user}", f"--regid={group}", "--clear-groups", "--", program, "--version"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise UsersError(f"the user {name} cannot run {program}: {result.stderr.strip()}; install it elsewhere")


def environment(root: Path, host: Mapping[str, str]) -> dict[str, str]:
    """Returns environment variables for the programs of an emulated machine. PATH begins with the machine's own program
    directories below `root`. SSL_CERT_FILE makes the programs trust the sandbox's certificate authority.
    """
    path = f"{root}/usr/local/sbin:{root}/usr/local/bin:{host.get('PATH', os.defpath)}"
    return {"PATH": path, "SSL_CERT_FILE": str(root / AUTHORITIES)}


def _free_number(users: Path, groups: Path) -> int:
    taken = {number for file in (users, groups) for _, pair in _entries(file) for number in pair}
    return next(number for number in _SYSTEM_IDS if number not in taken)


def _entries(file: Path) -> Iterator[tuple[str, tuple[int, int]]]:
    """Yields each name in a file of users or groups, with two IDs. The IDs of a user are its UID and its GID
    (passwd(5)). For a group, both IDs are its GID (group(5)).
    """
    for line in file.read_text().splitlines():
        name, _, first, second, *_ = [*line.split(":"), ""]
        yield name, (int(first), int(second) if second.isdigit() else int(first))
