"""Runs the daemons of docker and containerd, each with its own data directory. Clients like skopeo need no daemon."""

from __future__ import annotations

import subprocess
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

from local.clients import Client
from tests.clients.image_clients import ImageClient, Setting
from tests.clients.programs import program
from tests.support.waiting import eventually

_ENDS_WITHIN_SECONDS = 60


@contextmanager
def daemon(client: ImageClient, identity: Client, directory: Path) -> Generator[Setting]:
    """Provides a client with an empty data directory, and runs the client's daemon if it has one."""
    if client.programs[0] == "dockerd":
        socket = directory / "docker.sock"
        setting = Setting(identity, directory, f"unix://{socket}")
        # The tests may run in a container or a user namespace, where dockerd is not allowed to change networks,
        # firewall rules and overlay mounts. These options make dockerd work without such changes.
        options = ["--iptables=false", "--ip6tables=false", "--bridge=none", "--storage-driver=vfs"]
        options += [f"--host={setting.daemon}", f"--data-root={directory}/data", f"--exec-root={directory}/exec"]
        options += [f"--pidfile={directory}/docker.pid", "--config-file=", f"--containerd={directory}/c.sock"]
        with _containerd(directory, setting), _running(["dockerd", *options], setting, socket):
            yield setting
    elif client.programs[0] == "containerd":
        setting = Setting(identity, directory, f"{directory}/c.sock")
        with _containerd(directory, setting):
            yield setting
    else:
        setting = Setting(identity, directory)
        setting.prepare()
        yield setting


@contextmanager
def _containerd(directory: Path, setting: Setting) -> Generator[None]:
    config = directory / "containerd.toml"
    config.write_text('version = 2\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n')
    options = [
        f"--config={config}",
        f"--address={directory}/c.sock",
        f"--root={directory}/cd",
        f"--state={directory}/cs",
    ]
    with _running(["containerd", *options], setting, directory / "c.sock"):
        yield


@contextmanager
def _running(command: Sequence[str], setting: Setting, socket: Path) -> Generator[None]:
    """Starts dockerd or containerd, waits for its socket, and stops it at the end of the `with` block."""
    setting.prepare()
    path = program(command[0])
    assert path is not None
    log = setting.directory / f"{command[0]}.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [str(path), *command[1:]], env=setting.environment(), stdout=output, stderr=subprocess.STDOUT
        )
    try:
        assert eventually(lambda: socket.exists() or process.poll() is not None, seconds=120), _last_line(log)
        assert process.poll() is None, _last_line(log)
        yield
    finally:
        process.terminate()
        process.wait(_ENDS_WITHIN_SECONDS)


def _last_line(log: Path) -> str:
    """Returns the last line in the log of dockerd or containerd, which says why this daemon ended."""
    return f"{log.stem}: {log.read_text().strip().splitlines()[-1]}"
