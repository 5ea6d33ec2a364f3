"""Creates the configuration files with which package managers on another machine use the sandbox's registry:
`python -m local client-files reader ~/reader | tar -x`.

The sandbox can run in a container. Programs outside of the container cannot use the container's paths and loopback
addresses. The user therefore states a path and a proxy address that are valid on the other machine.
"""

from __future__ import annotations

import io
import shlex
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from local.client_shell import UNSET, environment
from local.clients import Client
from local.health import edge_authority


@dataclass(frozen=True)
class OutsideClient(Client):
    """A client on another machine. `outside` is the client's directory on that machine, and `reached_at` is the URL at
    which that machine reaches the proxy of the sandbox (the emulated clouds on this machine).
    """

    outside: Path = Path()
    reached_at: str = ""

    @property
    def directory(self) -> Path:
        return self.outside

    @property
    def proxy(self) -> str:
        return self.reached_at

    @property
    def authority(self) -> Path:
        return self.outside / "certificates" / "edge.crt"


def packed(client: Client, directory: Path, proxy: str) -> bytes:
    """Returns a tar archive for another machine. The files in the archive let package clients on that machine use this
    sandbox (the emulated clouds on this machine). All files are in one folder, whose name is the last part of the path
    `directory`.

    A shell on the other machine must source the file `environment` in this folder. On this machine, `python -m local
    client` prints exports for the same purpose.
    """
    outside = OutsideClient(client.sandbox, client.identity, client.url, outside=directory, reached_at=proxy)
    texts = outside.files(client.token(), edge_authority(client.sandbox).read_text())
    return _tar({**texts, "environment": _exports(outside)}, directory.name)


def _exports(client: Client) -> str:
    lines = [f"unset {' '.join(UNSET)}"]
    lines += [f"export {name}={shlex.quote(value)}" for name, value in environment(client).items()]
    return "\n".join(lines) + "\n"


def _tar(texts: Mapping[str, str], directory: str) -> bytes:
    """Returns a tar archive of the client's files. After unpacking, only the owner can read the files."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for name, text in texts.items():
            member = tarfile.TarInfo(f"{directory}/{name}")
            member.size, member.mode = len(text.encode()), 0o600
            tar.addfile(member, io.BytesIO(text.encode()))
    return archive.getvalue()
