"""Parses the cloud-init user data of a machine strictly: a key that the emulation does not know raises UserDataError.

Reference: cloud-init 22.4 (Debian 12), "Module reference" and "Cloud config examples".
"""

from __future__ import annotations

import base64
import binascii
import gzip
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import yaml

# The keys of user data that the emulation accepts. The key `packages`, which lists packages to install, is missing on
# purpose: cloud-init tries the installation only once, and runs the commands of `runcmd` even if the installation has
# failed. The machine could then run without its programs.
_KEYS = {"bootcmd", "runcmd", "write_files"}
_FILE_KEYS = {"content", "encoding", "path", "permissions"}


class UserDataError(Exception):
    """Raised when the user data of a machine is invalid, or has a key or value that the emulation does not support. The
    error's message names the key.
    """


@dataclass(frozen=True)
class BootFile:
    path: str
    permissions: int
    content: str


@dataclass(frozen=True)
class CloudConfig:
    """The steps of a machine's first boot, from its cloud-init user data. The machine runs `boot_commands` before it
    writes the files, and `run_commands` afterwards. Each command is a list of arguments.
    """

    boot_commands: tuple[tuple[str, ...], ...]
    files: tuple[BootFile, ...]
    run_commands: tuple[tuple[str, ...], ...]


def parse(user_data: str) -> CloudConfig:
    """Parses the cloud-init user data of a machine. Raises UserDataError, which names the wrong or unknown key."""
    if not user_data.startswith("#cloud-config\n"):
        raise UserDataError(f"user data must begin with the line '#cloud-config', not {user_data[:40]!r}")
    try:
        document: object = yaml.safe_load(user_data)
    except yaml.YAMLError as error:
        raise UserDataError(f"user data is not YAML: {error}") from error
    config = _mapping(document, "user data", _KEYS)
    return CloudConfig(
        boot_commands=_commands(config, "bootcmd"),
        files=tuple(_file(entry) for entry in _list(config.get("write_files", []), "write_files")),
        run_commands=_commands(config, "runcmd"),
    )


def _commands(config: Mapping[str, Any], key: str) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(_texts(command, key)) for command in _list(config.get(key, []), key))


def _file(entry: object) -> BootFile:
    file = _mapping(entry, "write_files", _FILE_KEYS)
    path, permissions, content = (file.get(key) for key in ("path", "permissions", "content"))
    if not isinstance(path, str) or not path.startswith("/") or ".." in path.split("/"):
        raise UserDataError(f"write_files needs an absolute path, not {path!r}")
    # YAML parses 0644 without quotes as an octal number. cloud-init requires a string for file permissions, so the
    # emulation does too.
    if not isinstance(permissions, str) or not isinstance(content, str):
        raise UserDataError(f"write_files {path}: permissions and content must be text")
    try:
        return BootFile(path, int(permissions, 8), _decode(content, file.get("encoding")))
    except (ValueError, binascii.Error, gzip.BadGzipFile) as error:
        raise UserDataError(f"write_files {path}: {error}") from error


def _decode(content: str, encoding: object) -> str:
    if encoding is None:
        return content
    if encoding == "gz+b64":
        return gzip.decompress(base64.b64decode(content, validate=True)).decode()
    raise UserDataError(f"encoding {encoding!r} is not supported; use 'gz+b64' or none")


def _mapping(value: object, what: str, known: set[str]) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise UserDataError(f"{what} must be a mapping, not {type(value).__name__}")
    mapping = cast("dict[str, Any]", value)
    unknown = sorted(set(mapping) - known)
    if unknown:
        raise UserDataError(f"{what}: {', '.join(unknown)} not supported; supported are {', '.join(sorted(known))}")
    return mapping


def _list(value: object, key: str) -> list[object]:
    if not isinstance(value, list):
        raise UserDataError(f"{key} must be a list, not {type(value).__name__}")
    return cast("list[object]", value)


def _texts(value: object, key: str) -> list[str]:
    texts = _list(value, key)
    for text in texts:
        if not isinstance(text, str):
            raise UserDataError(f"{key} must hold lists of text, not {text!r}")
    return cast("list[str]", texts)
