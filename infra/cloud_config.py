"""cloud-init user data made of real files: a head, and trees that mirror the machine's file system.

Every file of a tree becomes one `write_files` entry, byte for byte. A file whose name ends in `.in` has holes, written
`@NAME@`. What a deployment puts in is thus in few files, and those stay readable in user data; the constant ones are
compressed, because all together they are more than EC2 takes.
"""

from __future__ import annotations

import base64
import gzip
import re
import stat
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import yaml

USER_DATA_LIMIT = 16 * 1024
"""Bytes of user data that EC2 takes, before base64 (EC2 User Guide, "Run commands when you launch an EC2 instance")."""

_HOLE = re.compile(r"@([A-Z_0-9]+)@")


class UserDataError(ValueError):
    """The settings cannot be rendered into user data that a machine would boot from."""


def render(machine: str, head: Path, entries: Iterable[Mapping[str, str]]) -> str:
    """The whole cloud-config of `machine` (named in errors only); the same input always gives the same bytes."""
    text = _document(head, entries)
    _check_size(machine, len(text.encode()))
    return text


def render_compressed(machine: str, head: Path, entries: Iterable[Mapping[str, str]]) -> str:
    """As `render`, but gzip in base64: cloud-init takes that too (its "User data formats"), and more fits in."""
    compressed = gzip.compress(_document(head, entries).encode(), mtime=0)
    _check_size(machine, len(compressed))
    return base64.b64encode(compressed).decode()


def tree(root: Path, holes: Mapping[str, str]) -> Iterator[Mapping[str, str]]:
    """An entry for each file below `root`; those without holes are compressed one by one."""
    for file in _files(root):
        if file.suffix == ".in":
            yield entry(root, file, holes)
        else:
            body = base64.b64encode(gzip.compress(file.read_bytes(), mtime=0)).decode()
            yield {**entry(root, file, holes), "encoding": "gz+b64", "content": body}


def plain_tree(root: Path, holes: Mapping[str, str], only: Collection[str] = ()) -> Iterator[Mapping[str, str]]:
    """An entry for each file below `root`, or for those paths `only`, such as `etc/hosts`; none is compressed."""
    for file in _files(root):
        if not only or file.relative_to(root).as_posix() in only:
            yield entry(root, file, holes)


def entry(root: Path, file: Path, holes: Mapping[str, str]) -> Mapping[str, str]:
    """The entry of one file, its holes filled where it has some."""
    path = "/" + file.relative_to(root).as_posix()
    permissions = "0755" if file.stat().st_mode & stat.S_IXUSR else "0644"
    text = file.read_text()
    if file.suffix == ".in":
        path, text = path.removesuffix(".in"), _HOLE.sub(lambda hole: holes[hole[1]], text)
    return {"path": path, "permissions": permissions, "content": text}


def _files(root: Path) -> list[Path]:
    return sorted(path for path in root.rglob("*") if path.is_file())


def _document(head: Path, entries: Iterable[Mapping[str, str]]) -> str:
    document = cast("dict[str, Any]", yaml.safe_load(head.read_text()))
    document["write_files"] = [_in_order(entry) for entry in entries]
    return "#cloud-config\n" + yaml.dump(document, Dumper=_Dumper, sort_keys=False, width=1 << 16)


def _in_order(entry: Mapping[str, str]) -> dict[str, str]:
    return {name: entry[name] for name in ("path", "permissions", "encoding", "content") if name in entry}


def _check_size(machine: str, size: int) -> None:
    if size > USER_DATA_LIMIT:
        raise UserDataError(f"user data of the {machine} is {size} bytes; EC2 takes {USER_DATA_LIMIT}")


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines as literal blocks, so that user data stays readable in a console."""


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    return yaml.ScalarNode("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)


_Dumper.add_representer(str, _text)
