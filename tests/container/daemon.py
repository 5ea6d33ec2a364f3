"""Provides a docker daemon for test_container.py: this machine's daemon, or one that the test starts."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.clients.programs import program
from tests.support.waiting import eventually

_BRIDGE = "ae-container0"
# The address of the docker daemon's bridge. RFC 2544 reserves its network for measurements, so no real network uses
# this address.
_BRIDGE_ADDRESS = "198.18.44.1/24"
_ENDS_WITHIN_SECONDS = 120


@dataclass(frozen=True)
class Docker:
    """A docker daemon. `environment` contains the variables with which the command `docker` finds the daemon."""

    environment: Mapping[str, str]

    def run(self, *arguments: str | Path, given: bytes | None = None) -> subprocess.CompletedProcess[str]:
        """Runs a `docker` command and waits until it ends. The result contains its standard output and error."""
        result = subprocess.run(
            [str(program("docker")), *arguments],
            env=self.environment,
            input=given,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        return subprocess.CompletedProcess(result.args, result.returncode, result.stdout.decode(errors="replace"))


@contextmanager
def docker() -> Generator[Docker]:
    """Provides the docker daemon that DOCKER_HOST names or that the machine runs. If there is none, starts a daemon."""
    # During the build, the Dockerfile mounts a secret and caches, which only BuildKit supports. BuildKit is off by
    # default in Debian's package docker.io, and the variable DOCKER_BUILDKIT turns it on.
    environment = {**os.environ, "DOCKER_BUILDKIT": "1"}
    existing = Docker(environment)
    if existing.run("version").returncode == 0:
        yield existing
        return
    # The path of a Unix socket may have only about 100 characters. The paths of pytest's temporary directories are
    # longer, so the daemon's socket is in another directory.
    with tempfile.TemporaryDirectory(prefix="ae-docker-") as directory, _own_daemon(Path(directory)) as host:
        yield Docker({**environment, "DOCKER_HOST": host})


@contextmanager
def _own_daemon(directory: Path) -> Generator[str]:
    """Starts containerd and dockerd with a network bridge and without firewall rules. Must run as root.

    Yields the address of dockerd, and stops dockerd and containerd at the end of the `with` block.
    """
    socket, containerd = directory / "docker.sock", directory / "c.sock"
    config = directory / "containerd.toml"
    config.write_text('version = 2\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n')
    with ExitStack() as running:
        running.enter_context(_bridge())
        options = [f"--config={config}", f"--address={containerd}", f"--root={directory}/cd", f"--state={directory}/cs"]
        running.enter_context(_running("containerd", options, directory, containerd))
        # The test may run in a container that has no permission for firewall rules or overlay mounts. The published
        # ports of docker's containers work without both.
        options = ["--iptables=false", "--ip6tables=false", f"--bridge={_BRIDGE}", "--storage-driver=vfs"]
        options += [f"--host=unix://{socket}", f"--data-root={directory}/data", f"--exec-root={directory}/exec"]
        options += [f"--pidfile={directory}/docker.pid", "--config-file=", f"--containerd={containerd}"]
        running.enter_context(_running("dockerd", options, directory, socket))
        yield f"unix://{socket}"


@contextmanager
def _bridge() -> Generator[None]:
    def ip(*arguments: str) -> None:
        subprocess.run(["ip", *arguments], check=True)

    ip("link", "add", _BRIDGE, "type", "bridge")
    try:
        ip("address", "add", _BRIDGE_ADDRESS, "dev", _BRIDGE)
        ip("link", "set", _BRIDGE, "up")
        yield
    finally:
        ip("link", "delete", _BRIDGE)


@contextmanager
def _running(name: str, options: Sequence[str], directory: Path, socket: Path) -> Generator[None]:
    """Starts containerd or dockerd, waits for its socket, and stops it at the end of the `with` block."""
    log = directory / f"{name}.log"
    with log.open("w") as output:
        process = subprocess.Popen([str(program(name)), *options], stdout=output, stderr=subprocess.STDOUT)
    try:
        assert eventually(lambda: socket.exists() or process.poll() is not None), log.read_text()
        assert process.poll() is None, log.read_text()
        yield
    finally:
        process.terminate()
        process.wait(_ENDS_WITHIN_SECONDS)
