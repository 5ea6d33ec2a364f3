"""Finds on this machine the client programs that docs/clients.md lists, and installs missing ones.

`python -m tests.clients.programs` installs Debian packages, which needs root. The command also installs programs that
it builds from Go modules, and the clients of package_programs.py. It installs them into a cache directory.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from emulation.layout import cache_directory
from local.prerequisites import PrerequisiteError, install
from tests.clients import package_programs

# Maps each client program to the Debian package that contains it. The tests run Debian's program even if PATH also has
# another program of this name.
DEBIAN = {
    "dockerd": "docker.io",
    "docker": "docker.io",
    "containerd": "containerd",
    "ctr": "containerd",
    "podman": "podman",
    "buildah": "buildah",
    "skopeo": "skopeo",
}

# Go modules that contain image clients, with pinned versions. The Go module proxy has these versions and all their
# dependencies, so an installation needs no other server.
GO = {
    "crane": "github.com/google/go-containerregistry/cmd/crane@v0.22.1",
    "oras": "oras.land/oras/cmd/oras@v1.3.6",
    "helm": "helm.sh/helm/v3/cmd/helm@v3.22.0",
    # The OCI project's conformance tests for registries. This Go module has no releases, so a commit is pinned.
    "conformance": "github.com/opencontainers/distribution-spec/conformance@v0.0.0-20260831232431-97274622c111",
}


def program(name: str) -> Path | None:
    """Returns the path of a client program, or None if it is not installed."""
    if name in GO:
        path = _go_directory(name) / name
        return path if path.exists() else None
    found = shutil.which(name, path=f"/usr/bin:/usr/sbin:{os.environ.get('PATH', '')}")
    return Path(found) if found else None


def version(name: str, option: str) -> str:
    """Returns the version that an installed client program prints."""
    command = [str(program(name)), option]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.partition("\n")[0]


def how_to_install(name: str) -> str:
    """Returns the shell command with which a user installs a missing client program."""
    return f"go install {GO[name]}" if name in GO else f"apt-get install {DEBIAN[name]}"


def _go_directory(name: str) -> Path:
    return cache_directory() / "clients" / GO[name].rpartition("@")[2] / name


def _build(name: str) -> None:
    """Builds the client program `name` with Go, or prints why the build fails. Tests then skip the client, and
    docs/clients.md shows the client as not installed.
    """
    print(f"building {GO[name]} (some minutes the first time)")
    settings = {**os.environ, "GOBIN": str(_go_directory(name)), "GOFLAGS": "-buildvcs=false"}
    result = subprocess.run(["go", "install", GO[name]], env=settings, capture_output=True, text=True, check=False)
    if result.returncode:
        print(f"{GO[name]}: {result.stderr.strip().splitlines()[-1]}", file=sys.stderr)


def main() -> None:
    missing = {DEBIAN[name] for name in DEBIAN if program(name) is None}
    try:
        if missing:
            install(sorted(missing), print)
    except PrerequisiteError as error:
        print(f"{error}; the matrix will say that they are missing", file=sys.stderr)
    for name in GO:
        if program(name) is None and shutil.which("go"):
            _build(name)
    package_programs.install()


if __name__ == "__main__":
    main()
