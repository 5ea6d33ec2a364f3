"""Checks that the machine has the required programs, and installs missing Debian packages.

Users install Python, Node and Go themselves. All other programs come from Debian packages. If root runs the check on
Debian or Ubuntu, the check installs missing packages. In all other cases, the error message contains the command that
installs the packages.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from pathlib import Path

from emulation.engine.find import Report
from emulation.gcp.spanner.programs import postgres_programs
from emulation.layout import Sandbox

# The oldest supported version of Node, as major and minor version. The pinned tools of the edge worker run on this
# version, and its test runner accepts the option --test-concurrency.
OLDEST_NODE = (20, 10)

# Maps each required program or file to the Debian package that contains it. Traffic Server is the cache of shields
# (regional caches) and of PoPs (L1), and skopeo is the client for images. Only tests run PostgreSQL, docker-registry
# and NGINX. PostgreSQL emulates Spanner, docker-registry holds images to import, and NGINX receives the requests to a
# PoP machine. The packages of NGINX's modules also install the version of NGINX that the modules were built for.
PACKAGES = {
    "traffic_server": "trafficserver",
    "skopeo": "skopeo",
    "postgres": "postgresql",
    "docker-registry": "docker-registry",
    "/usr/lib/nginx/modules/ngx_http_set_misc_module.so": "libnginx-mod-http-set-misc",
    "/usr/lib/nginx/modules/ngx_http_modsecurity_module.so": "libnginx-mod-http-modsecurity",
    "/usr/share/modsecurity-crs/rules/REQUEST-901-INITIALIZATION.conf": "modsecurity-crs",
}

# During the installation of a package, Debian asks this program whether to start the package's daemon (Debian policy,
# "invoke-rc.d").
_NO_DAEMONS = Path("/usr/sbin/policy-rc.d")

# A configuration file of Debian's package postgresql. Without the file, the package's installation creates a database
# that starts at every boot (pg_createcluster(1)).
_NO_DATABASE = Path("/etc/postgresql-common/createcluster.d/artifact-edge.conf")


class PrerequisiteError(Exception):
    """Raised when the machine does not meet a requirement of the sandbox of emulated clouds. The message contains the
    remedy.
    """


def ensure(report: Report) -> None:
    """Checks that the machine can run a sandbox of emulated clouds, and installs missing packages.

    Raises PrerequisiteError when a requirement is still not met.
    """
    if sys.platform != "linux":
        raise PrerequisiteError(
            f"the embedded sandbox needs Linux, where all of 127.0.0.0/8 is loopback; this is {sys.platform}. "
            "Run the network in a container: docs/container.md."
        )
    _check_node()
    missing = [package for program, package in PACKAGES.items() if not _is_there(program)]
    if missing:
        install(missing, report)


def check_directory(sandbox: Sandbox) -> None:
    """Creates the directory of the sandbox of emulated clouds. Raises PrerequisiteError when a sandbox cannot use that
    directory.

    When root runs the sandbox, Traffic Server runs as a separate user, who must be able to enter the directory.
    """
    check_content(sandbox)
    directory = sandbox.directory
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=directory):
            pass
    except OSError as error:
        raise PrerequisiteError(
            f"cannot write to the sandbox's directory {directory}: {error.strerror}; "
            "choose another one with --directory"
        ) from None
    if os.geteuid() != 0:
        return
    for parent in reversed(directory.resolve().parents):
        if not parent.stat().st_mode & stat.S_IXOTH:
            raise PrerequisiteError(
                f"{parent}: the user of Traffic Server cannot enter it. Run as another user, or: chmod o+x {parent}"
            )


def check_content(sandbox: Sandbox) -> None:
    """Raises PrerequisiteError when the sandbox's directory contains files that no sandbox made.

    Without this check, `make down` would delete these files.
    """
    directory = sandbox.directory
    if directory.exists() and not directory.is_dir():
        raise PrerequisiteError(f"{directory} is not a directory; choose another one with --directory")
    if directory.exists() and not sandbox.owns_directory():
        raise PrerequisiteError(
            f"{directory} contains files that no sandbox made, and `make down` would delete them; "
            "choose an empty directory with --directory"
        )


def _is_there(program: str) -> bool:
    if program == "postgres":
        return postgres_programs() is not None
    return Path(program).exists() if program.startswith("/") else shutil.which(program) is not None


def _check_node() -> None:
    try:
        version = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        raise PrerequisiteError("node is missing; on Debian: apt-get install nodejs npm") from None
    found = re.match(r"v(\d+)\.(\d+)\.", version)
    if found is None or (int(found[1]), int(found[2])) < OLDEST_NODE:
        major, minor = OLDEST_NODE
        raise PrerequisiteError(
            f"node is {version}, and {major}.{minor} or newer is needed; install it with: "
            f"npm install --global n && n {major}"
        )


def install(packages: Sequence[str], report: Report) -> None:
    """Installs Debian packages without starting their daemons. Raises PrerequisiteError when this is not possible."""
    by_hand = f"apt-get install --no-install-recommends {' '.join(packages)} golang-github-containers-common"
    if shutil.which("apt-get") is None:
        raise PrerequisiteError(f"missing: {', '.join(packages)}; install them with this system's package tool")
    if os.geteuid() != 0:
        raise PrerequisiteError(f"missing: {', '.join(packages)}; install with: sudo {by_hand}")
    report(f"installing {', '.join(packages)} (about a minute, 200 MB)")
    with (
        _temporary_file(_NO_DAEMONS, "#!/bin/sh\nexit 101\n"),
        _temporary_file(_NO_DATABASE, "create_main_cluster = false\n"),
    ):
        _apt(["update"], by_hand)
        # skopeo needs a file with an image signature policy. The file is in the package
        # golang-github-containers-common. Debian's package skopeo only recommends that package, so apt-get would not
        # install it.
        _apt(["install", "--yes", "--no-install-recommends", *packages, "golang-github-containers-common"], by_hand)


@contextmanager
def _temporary_file(file: Path, text: str) -> Generator[None]:
    """Creates a file with the content `text` for the duration of a `with` block, and deletes the file afterwards.

    An existing file is neither changed nor deleted.
    """
    if file.exists():
        yield
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    file.chmod(0o755)
    try:
        yield
    finally:
        file.unlink()


def _apt(arguments: Iterable[str], by_hand: str) -> None:
    result = subprocess.run(
        ["apt-get", "--quiet", *arguments],
        env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode:
        said = " ".join((result.stderr or result.stdout).strip().splitlines()[-3:])
        raise PrerequisiteError(f"apt-get failed: {said}; install them with: {by_hand}")


def main() -> None:
    """Checks and installs the prerequisites for `make test`. The tests also run all daemons and clients that `make up`
    needs.
    """
    try:
        ensure(print)
    except PrerequisiteError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
