"""Renders the cloud-init user data of a machine from a template file and a directory tree. The user data begins with
the content of the template. The tree mirrors the machine's file system.

Each file in the tree becomes one `write_files` entry with the same content. The names of some files end in `.in`. In
these files, values of the deployment replace the placeholders of the form `@NAME@`.

EC2 limits user data to 16,384 bytes, so machines on EC2 get compressed user data. cloud-init decompresses user data at
boot (cloud-init, "User-data formats").
"""

from __future__ import annotations

import base64
import gzip
import re
import stat
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

import yaml

from contract.regions import Cloud

# Debian's names for the processor architectures of machines.
Architecture = Literal["amd64", "arm64"]

# The maximum number of bytes of user data that a cloud accepts. EC2 counts the bytes before base64 encoding (EC2 User
# Guide, "Run commands when you launch an EC2 instance"). Compute Engine limits each metadata value ("About VM
# metadata").
USER_DATA_LIMITS: Mapping[Cloud, int] = {"aws": 16 * 1024, "gcp": 256 * 1024}

# The directory with the files that every machine gets, such as the files that set up a cache on local NVMe disks.
MACHINE_FILES = Path(__file__).parent / "files"

# The time server of each cloud. Machines reach this server even if no firewall rule admits the connection (EC2 User
# Guide, "Set the time reference on your EC2 instance to use the local Amazon Time Sync Service"; Compute Engine,
# "Configure NTP on a VM").
TIME_SERVERS: Mapping[Cloud, str] = {"aws": "169.254.169.123", "gcp": "metadata.google.internal"}

_CLOUDS: Mapping[Cloud, str] = {"aws": "EC2", "gcp": "Compute Engine"}
_PLACEHOLDER = re.compile(r"@([A-Z0-9_]+)@")


class UserDataError(ValueError):
    """Raised when the settings of a machine would make invalid user data."""


@dataclass(frozen=True)
class MachineFile:
    """One file of a machine. `path` is absolute. `permissions` are the file's mode bits, as in chmod(2)."""

    path: str
    permissions: int
    content: str


def files_below(directory: Path) -> Iterator[Path]:
    """Yields the files below a directory, except those in directories named `__pycache__`. Python writes such a
    directory when a test loads a machine's Python program.
    """
    yield from (file for file in directory.rglob("*") if file.is_file() and "__pycache__" not in file.parts)


def files_of(*trees: Path, values: Mapping[str, str], left_out: Collection[str] = ()) -> Iterator[MachineFile]:
    """Yields the files of a machine from the given directory trees, sorted by path.

    `values` maps the names of placeholders in the files to the strings that replace them. `left_out` contains the names
    of files that the machine does not get.
    """
    found = {file.relative_to(tree): file for tree in trees for file in files_below(tree) if file.name not in left_out}
    for relative, file in sorted(found.items()):
        path = "/" + relative.as_posix()
        permissions = 0o755 if file.stat().st_mode & stat.S_IXUSR else 0o644
        content = file.read_text()
        if file.suffix == ".in":
            path = path.removesuffix(".in")
            content = _PLACEHOLDER.sub(lambda placeholder: values[placeholder[1]], content)
        yield MachineFile(path, permissions, content)


def cloud_config(first_part: Path, files: Iterable[MachineFile]) -> str:
    """Returns cloud-init user data with the content of `first_part` and the given files. The same arguments always give
    the same text.
    """
    document = cast("dict[str, Any]", yaml.safe_load(first_part.read_text()))
    document["write_files"] = [
        {"path": file.path, "permissions": f"{file.permissions:04o}", "content": file.content} for file in files
    ]
    return "#cloud-config\n" + yaml.dump(document, Dumper=_Dumper, sort_keys=False, width=1 << 16)


def check_size(rendered: str, cloud: Cloud, machine: str, remedy: str) -> None:
    """Checks the size of user data. Raises UserDataError if the user data is larger than the cloud accepts. The error
    message contains the name `machine` and the advice `remedy`.
    """
    size = user_data_size(rendered, cloud)
    if size > USER_DATA_LIMITS[cloud]:
        raise UserDataError(
            f"user data of {machine} is {size} bytes; {_CLOUDS[cloud]} takes {USER_DATA_LIMITS[cloud]}. {remedy}"
        )


def user_data_size(rendered: str, cloud: Cloud) -> int:
    """Returns the number of bytes of user data that the cloud compares with its size limit. On EC2, this is the number
    of bytes after compression.
    """
    return len(gzip.compress(rendered.encode(), mtime=0)) if cloud == "aws" else len(rendered.encode())


def compressed(rendered: str) -> str:
    """Returns user data compressed with gzip and encoded in base64, which is the form that the EC2 API accepts."""
    return base64.b64encode(gzip.compress(rendered.encode(), mtime=0)).decode()


class _Dumper(yaml.CSafeDumper):
    """A YAML dumper that writes strings of several lines as literal blocks. People can therefore read the user data.

    The dumper uses the C library libyaml, which needs a twentieth of the time of PyYAML's own writer.
    """


def _text(dumper: yaml.CSafeDumper, value: str) -> yaml.ScalarNode:
    return yaml.ScalarNode("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)


_Dumper.add_representer(str, _text)
