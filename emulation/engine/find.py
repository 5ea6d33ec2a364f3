"""Finds the Pulumi engine on PATH. If PATH has none, downloads the official release; if that fails, builds the engine
from Go modules.

The official installation includes a Python language host. No Go module provides this language host. An engine built
from Go modules therefore uses `emulation.engine.language_host`, which must never take precedence over an official
language host.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import re
import shutil
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from emulation.layout import cache_directory

# The version of the Pulumi engine to download or build. A newer engine could not be built, because the Go module proxy
# lacks some of its modules.
VERSION = "3.250.0"

# The project uses an installed Pulumi engine only if the engine has at least this version. The Python SDK in
# requirements.txt was not tested with older engines.
OLDEST = (3, 220)

# The CPU architectures for which Pulumi publishes releases. Maps the name from Python's `platform.machine()` to the
# name in the file name of the release. On other architectures, this module compiles the engine.
_PROCESSORS = {"x86_64": "x64", "aarch64": "arm64"}
RELEASES = "https://get.pulumi.com/releases/sdk"
CHECKSUMS = f"https://github.com/pulumi/pulumi/releases/download/v{VERSION}/pulumi-{VERSION}-checksums.txt"
GO_PACKAGE = "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"
GO_VERSION_VARIABLE = "github.com/pulumi/pulumi/sdk/v3/go/common/version.Version"

# The names of two environment variables that the start script of the Python language host reads. The first contains the
# path of the Python executable, and the second the directory from which Python imports the project.
PYTHON_VARIABLE = "EMULATION_PYTHON"
PYTHONPATH_VARIABLE = "EMULATION_PYTHONPATH"
LAUNCHER = f"""#!/bin/sh
if [ ! -x "${PYTHON_VARIABLE}" ]; then
  echo "this Pulumi engine was built by artifact-edge, and {PYTHON_VARIABLE} names no program: \
in the checkout, run eval \\"\\$(.venv/bin/python -m local env)\\" first, or install Pulumi from get.pulumi.com" >&2
  exit 1
fi
PYTHONPATH="${PYTHONPATH_VARIABLE}" exec "${PYTHON_VARIABLE}" -m emulation.engine.language_host "$@"
"""

Report = Callable[[str], None]


class EngineError(Exception):
    """Raised when no Pulumi engine is available. The error's message says what the user can do."""


class NotDownloadable(Exception):
    """Raised when the official release of the Pulumi engine cannot be downloaded. The error's message states the
    reason.
    """


@dataclass(frozen=True)
class Engine:
    """A Pulumi engine. `pulumi` is the path of its executable. The program with which the engine runs Pulumi programs
    in Python (the language host) is in the same directory or on PATH.
    """

    pulumi: Path


def ensure_engine(report: Report) -> Engine:
    """Returns a Pulumi engine. If none is installed, downloads one or builds it (about 5 minutes on 2 cores).

    When several programs call this function at the same time, one of them installs the engine and the others wait.
    `report` receives one line for each long step. Raises EngineError when no engine is available.
    """
    installed = on_path(os.environ.get("PATH", ""))
    if installed is not None:
        return Engine(installed)
    directory = cache_directory() / "pulumi" / f"v{VERSION}"
    cached = _cached(directory)
    if cached is None:
        with _alone(directory, report):
            cached = _cached(directory) or _install(directory, report)
    return Engine(cached)


def _cached(directory: Path) -> Path | None:
    """Returns the engine that an earlier call has downloaded or built in the cache directory, or None."""
    official, built = directory / "release" / "pulumi", directory / "bin" / "pulumi"
    if official.exists():
        return official
    if not built.exists():
        return None
    write_language_host(built.parent)
    return built


def _install(directory: Path, report: Report) -> Path:
    """Downloads or builds the Pulumi engine, and returns the engine's path."""
    official, built = directory / "release" / "pulumi", directory / "bin" / "pulumi"
    try:
        download(official.parent, report)
        return official
    except NotDownloadable as reason:
        report(f"no official Pulumi release ({reason}); building the engine from Go modules instead")
    build(built, report)
    write_language_host(built.parent)
    return built


@contextmanager
def _alone(directory: Path, report: Report) -> Generator[None]:
    """Locks the cache directory during a `with` block, so that only one program at a time installs Pulumi there."""
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            report(f"waiting until another program has installed Pulumi {VERSION} in {directory}")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def on_path(path: str) -> Path | None:
    """Returns the Pulumi engine on the search path `path`, or None if `path` has no usable engine. A usable engine has
    at least the version OLDEST. It has a language host for Python in its own directory or on `path`.
    """
    found = shutil.which("pulumi", path=path)
    if found is None:
        return None
    pulumi = Path(found)
    beside = pulumi.resolve().parent / "pulumi-language-python"
    if not beside.exists() and shutil.which("pulumi-language-python", path=path) is None:
        return None
    return pulumi if version_of(pulumi) >= OLDEST else None


def version_of(pulumi: Path) -> tuple[int, ...]:
    """Returns the version of a Pulumi engine as (major, minor, patch), or an empty tuple when `pulumi version` prints
    no version.
    """
    printed = subprocess.run([pulumi, "version"], capture_output=True, text=True, check=False).stdout
    match = re.match(r"v(\d+)\.(\d+)\.(\d+)", printed)
    return tuple(int(part) for part in match.groups()) if match else ()


def release_name(machine: str) -> str:
    """Returns the file name of Pulumi's release for a CPU architecture. `machine` is the output of `uname -m`."""
    return f"pulumi-v{VERSION}-linux-{_PROCESSORS.get(machine, machine)}.tar.gz"


def download(directory: Path, report: Report) -> None:
    """Downloads the official release of the Pulumi engine, compares its SHA-256 with the published digest, and unpacks
    the release into `directory`.

    Raises NotDownloadable when the download fails, and EngineError when the digest differs.
    """
    release = release_name(platform.machine())
    try:
        checksums = httpx.get(CHECKSUMS, follow_redirects=True, timeout=10).raise_for_status().text
        report(f"downloading Pulumi {VERSION} (about 100 MB)")
        archive = httpx.get(f"{RELEASES}/{release}", follow_redirects=True, timeout=300).raise_for_status().content
    except httpx.HTTPError as error:
        raise NotDownloadable(type(error).__name__) from error
    verify(archive, release, checksums)
    directory.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=directory.parent) as scratch:
        packed = Path(scratch) / "release.tar.gz"
        packed.write_bytes(archive)
        with tarfile.open(packed) as tar:
            tar.extractall(scratch, filter="data")
        (Path(scratch) / "pulumi").rename(directory)


def verify(archive: bytes, name: str, checksums: str) -> None:
    """Raises EngineError unless `checksums` lists the SHA-256 of `archive` under the file name `name`. Each line of
    `checksums` is `<sha256> <file name>`."""
    published = {line.split()[1]: line.split()[0] for line in checksums.splitlines() if len(line.split()) == 2}
    digest = hashlib.sha256(archive).hexdigest()
    if published.get(name) != digest:
        raise EngineError(
            f"{name} has SHA-256 {digest}, the publisher lists {published.get(name, 'none')}: not used. "
            "Try again, or install Pulumi by hand."
        )


def build(target: Path, report: Report) -> None:
    """Builds the Pulumi engine from the committed files go.mod and go.sum. Go writes the engine to a temporary file.
    When the build is complete, this function renames the file to `target`.

    Raises EngineError when Go is missing or the build fails.
    """
    if shutil.which("go") is None:
        raise EngineError("the engine is built with Go, which is not installed; on Debian: apt-get install golang-go")
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f"{target.name}.{os.getpid()}")
    flags = f"-s -w -X {GO_VERSION_VARIABLE}=v{VERSION}"
    started = time.monotonic()
    report(f"building Pulumi {VERSION} (about 5 minutes on 2 cores, once; kept in {target.parent})")
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(
            ["go", "build", "-o", str(partial), "-ldflags", flags, GO_PACKAGE],
            cwd=Path(__file__).parent / "gomodule",
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        while True:
            try:
                process.wait(timeout=20)
                break
            except subprocess.TimeoutExpired:
                report(f"  still building, {time.monotonic() - started:.0f} s")
        if process.returncode != 0:
            log.seek(0)
            raise EngineError("building the engine failed:\n" + "\n".join(log.read().splitlines()[-10:]))
    partial.rename(target)


def write_language_host(directory: Path) -> Path:
    """Writes the script that starts the project's Python language host. The Pulumi engine looks for this script in its
    own directory, which is `directory`.

    All checkouts share the cached engine, so environment variables tell the script which checkout to use.
    """
    launcher = directory / "pulumi-language-python"
    if not launcher.exists() or launcher.read_text() != LAUNCHER:
        # Another process may be running the old start script of the language host. The new script replaces the old file
        # in one step, so no process ever runs a half-written script.
        with tempfile.NamedTemporaryFile("w", dir=directory, delete=False) as fresh:
            fresh.write(LAUNCHER)
        Path(fresh.name).chmod(0o755)
        Path(fresh.name).replace(launcher)
    return launcher
