"""A shell in which a test runs the commands of a runbook one after the other."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from emulation.processes import interpreter
from local.checkout import CHECKOUT


def checkout_with_copies(directory: Path, *copied: str) -> Path:
    """Creates a copy of this repository's checkout, and returns the path of the copy. The folders in `copied` contain
    real copies of their files, and an operator may change them. All other files, and the npm packages in these folders,
    are symbolic links to the original checkout.
    """
    checkout = directory / "checkout"
    checkout.mkdir()
    for entry in CHECKOUT.iterdir():
        if entry.name in copied:
            shutil.copytree(entry, checkout / entry.name, ignore=shutil.ignore_patterns("node_modules"))
            for packages in entry.glob("*/node_modules"):
                (checkout / packages.relative_to(CHECKOUT)).symlink_to(packages)
        elif entry.name not in (".git", ".sandbox"):
            (checkout / entry.name).symlink_to(entry)
    return checkout


def gcloud_environment(google_url: str, directory: Path, project: str = "example") -> dict[str, str]:
    """Returns environment variables for Google's command line `gcloud`. With them, `gcloud` calls the emulated Google
    Cloud.

    `gcloud` writes its own files into `directory`.
    """
    return {
        "CLOUDSDK_CONFIG": str(directory / "gcloud"),
        "CLOUDSDK_AUTH_DISABLE_CREDENTIALS": "true",
        "CLOUDSDK_CORE_PROJECT": project,
        "CLOUDSDK_CORE_DISABLE_USAGE_REPORTING": "true",
        "CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK": "true",
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_STORAGE": f"{google_url}/storage/v1/",
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_TRANSFER": f"{google_url}/storagetransfer/",
    }


class OperatorShell:
    """Runs shell scripts one after the other. Each script inherits the environment variables and the working directory
    that the previous script left.

    The constructor creates the command `aws` in the directory `commands`. Every runbook may call this command.
    """

    def __init__(self, directory: Path, environment: Mapping[str, str], commands: Path) -> None:
        commands.mkdir(exist_ok=True)
        aws = commands / "aws"
        aws.write_text(f'#!/bin/sh\nexec "{interpreter()}" -m tests.support.aws_command "$@"\n')
        aws.chmod(0o755)
        self._after = commands / "after.json"
        self.directory = directory
        self.environment = {
            **os.environ,
            **environment,
            "PYTHONPATH": str(CHECKOUT),
            "PATH": f"{commands}{os.pathsep}{environment['PATH']}",
            # Pulumi asks for confirmation before a change. A test cannot answer the question, so Pulumi must not ask.
            "PULUMI_SKIP_CONFIRMATIONS": "true",
        }

    def run(self, script: str, *, status: int = 0) -> str:
        """Runs a shell script, and returns its standard output and standard error. Fails if the script's exit status is
        not `status`.
        """
        save = "import json, os, sys; json.dump([os.getcwd(), dict(os.environ)], open(sys.argv[1], 'w'))"
        done = subprocess.run(
            ["bash", "-c", f'set -eu -o pipefail\n{script}\n"{sys.executable}" -c "{save}" "{self._after}"'],
            cwd=self.directory,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == status, f"{script}\n{done.stdout}"
        if done.returncode == 0:
            directory, self.environment = json.loads(self._after.read_text())
            self.directory = Path(directory)
        return done.stdout
