"""What the machine must have before anything starts, and how what is missing gets there.

Python, Node and Go are the user's to install. The daemon and the client that only the distribution packages are
installed here when run as root on Debian or Ubuntu; else the one command that does it is told.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from local.engine.find import Report

OLDEST_NODE = 20
"""The edge worker's tools are pinned to releases that run on Node 20, the oldest release line still in Debian."""

PACKAGES = {"traffic_server": "trafficserver", "skopeo": "skopeo"}
"""Programs by the Debian package that brings them: the cache of shields and L1, and the client for images."""

_NO_DAEMONS = Path("/usr/sbin/policy-rc.d")
"""Asked by Debian's packages before they start their daemon (Debian policy, "invoke-rc.d")."""


class PrerequisiteError(Exception):
    """The machine lacks something; the message ends with the one command that mends it."""


def ensure(report: Report) -> None:
    """Checks the machine and installs what it may. Raises PrerequisiteError."""
    if sys.platform != "linux":
        raise PrerequisiteError(
            f"the embedded world needs Linux, where all of 127.0.0.0/8 is loopback; this is {sys.platform}. "
            "Run it in a Debian 12 virtual machine or container."
        )
    _check_node()
    missing = [package for program, package in PACKAGES.items() if shutil.which(program) is None]
    if missing:
        _install(missing, report)


def check_directory(directory: Path) -> None:
    """Traffic Server refuses to be root and runs as a user of its own, who must be able to reach the world."""
    if os.geteuid() != 0:
        return
    for parent in reversed(directory.resolve().parents):
        if not parent.stat().st_mode & stat.S_IXOTH:
            raise PrerequisiteError(
                f"{parent}: the user of Traffic Server cannot enter it. Run as another user, or: chmod o+x {parent}"
            )


def _check_node() -> None:
    try:
        version = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        raise PrerequisiteError("node is missing; on Debian: apt-get install nodejs npm") from None
    major = re.match(r"v(\d+)\.", version)
    if major is None or int(major[1]) < OLDEST_NODE:
        raise PrerequisiteError(
            f"node is {version}, and {OLDEST_NODE} or newer is needed; install it with: "
            f"npm install --global n && n {OLDEST_NODE}"
        )


def _install(packages: Sequence[str], report: Report) -> None:
    by_hand = f"apt-get install --no-install-recommends {' '.join(packages)} golang-github-containers-common"
    if shutil.which("apt-get") is None:
        raise PrerequisiteError(f"missing: {', '.join(packages)}; install them with this system's package tool")
    if os.geteuid() != 0:
        raise PrerequisiteError(f"missing: {', '.join(packages)}; install with: sudo {by_hand}")
    report(f"installing {', '.join(packages)} (about a minute, 120 MB)")
    made = _forbid_daemons()
    try:
        _apt(["update"], by_hand)
        # Which signatures of images to ask for is said in a package that skopeo merely recommends.
        _apt(["install", "--yes", "--no-install-recommends", *packages, "golang-github-containers-common"], by_hand)
    finally:
        if made:
            _NO_DAEMONS.unlink()


def _forbid_daemons() -> bool:
    """So that the package's own Traffic Server does not come up beside ours. False where somebody decides already."""
    if _NO_DAEMONS.exists():
        return False
    _NO_DAEMONS.write_text("#!/bin/sh\nexit 101\n")
    _NO_DAEMONS.chmod(0o755)
    return True


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
        raise PrerequisiteError(f"apt-get failed: {said}; mend it with: {by_hand}")


def main() -> None:
    """For `make test`, whose tests run the same daemons and clients."""
    try:
        ensure(print)
    except PrerequisiteError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
