"""Runs each job of .github/workflows/check.yml in a new user account that is not root, from a fresh clone.

`make test-workflow` runs all jobs, which takes about an hour. pytest's option `-k` selects a job, as in `-k style`. The
account exists only during the run.

On GitHub's runner, actions install Python, Node.js and the Pulumi engine. The test skips these steps, because the
machine already has Python and Node.js. The test copies the Pulumi engine from root's cache. Commands after `sudo` run
as root.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from emulation.engine.find import ensure_engine
from emulation.layout import cache_directory
from local.checkout import CHECKOUT
from tests.support.workflows import ACTIONS, SHELLS, WORKFLOWS

CHECK = WORKFLOWS["check.yml"]
# The prefixes of environment variables that configure how this machine reaches package registries. The test passes
# these variables to its commands. On GitHub's runners, such variables are not necessary.
REGISTRIES = (
    "PIP_",
    "UV_",
    "NPM_",
    "npm_",
    "SSL_CERT",
    "NODE_EXTRA",
    "REQUESTS_CA",
    "GIT_SSL",
    "HTTPS_PROXY",
    "GOPROXY",
)
PATH = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root may create a user account")


@dataclass(frozen=True)
class Account:
    """A user account with a clone of this checkout in its home directory."""

    name: str
    home: Path

    @property
    def checkout(self) -> Path:
        return self.home / "checkout"

    def run(self, step: dict[str, Any], shell: str) -> subprocess.CompletedProcess[str]:
        """Runs the script of a workflow step in the checkout."""
        script: str = step["run"]
        user = None if script.startswith("sudo ") else self.name
        return subprocess.run(
            [*SHELLS[shell], "-c", script.removeprefix("sudo ")],
            cwd=self.checkout,
            env=self._environment(),
            user=user,
            group=user,
            extra_groups=[] if user else None,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )

    def _environment(self) -> dict[str, str]:
        known = {name: value for name, value in os.environ.items() if name.startswith(REGISTRIES)}
        summary = str(self.home / "summary.md")
        return {**known, "HOME": str(self.home), "USER": self.name, "PATH": PATH, "GITHUB_STEP_SUMMARY": summary}


@pytest.fixture(scope="module")
def account() -> Iterator[Account]:
    name = f"runner-{os.getpid()}"
    subprocess.run(["useradd", "--create-home", "--shell", "/bin/bash", name], check=True)
    account = Account(name, Path(pwd.getpwnam(name).pw_dir))
    try:
        subprocess.run(["git", "clone", "--quiet", CHECKOUT, account.checkout], check=True)
        ensure_engine(print)
        shutil.copytree(cache_directory() / "pulumi", account.home / ".cache/artifact-edge/pulumi")
        if (settings := Path.home() / ".npmrc").exists():
            shutil.copy(settings, account.home)
        subprocess.run(["chown", "--recursive", f"{name}:", account.home], check=True)
        yield account
    finally:
        subprocess.run(["userdel", "--remove", name], check=True)


def scripts(steps: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yields the steps of a job that run a script. Includes the steps inside this repository's own actions."""
    for step in steps:
        own = step.get("uses", "").removeprefix("./.github/actions/")
        if own in ACTIONS:
            yield from scripts(ACTIONS[own]["runs"]["steps"])
        elif "run" in step:
            yield step


@pytest.mark.parametrize("job", CHECK["jobs"])
def test_a_job_succeeds_for_a_user_who_is_not_root(account: Account, job: str) -> None:
    for step in scripts(CHECK["jobs"][job]["steps"]):
        done = account.run(step, step.get("shell") or CHECK["defaults"]["run"]["shell"])
        assert done.returncode == 0, f"{step['run']}\n{done.stdout[-8000:]}"
