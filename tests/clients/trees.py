"""Imports real packages with all their dependencies into the sandbox, and finds out which packages a client has
installed.

The packages come from the public registries, or from the mirrors that npm and pip are configured with on this machine.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from local import operator
from local.clients import Client
from tests.clients.package_programs import program
from tests.support.sandbox.commands import registry
from tests.support.sandbox.up import Up

# Together with their dependencies, these are more than 300 npm packages. node-gyp is in the list because yarn 4 adds
# node-gyp as a dependency of packages that need it for their build, such as fsevents.
NPM_ROOTS = {"eslint": "^8.57.0", "express": "^4.21.0", "jest": "^29.7.0", "node-gyp": "^11.4.0", "webpack": "^5.95.0"}
# Together with their dependencies, these Python projects have more than 60 wheels.
PYTHON_ROOTS = ("numpy", "pandas", "scipy", "scikit-learn", "matplotlib", "notebook")


@dataclass(frozen=True)
class Tree:
    """The imported npm or Python packages, and the identity that may pull all of them.

    `digests` contains the digest of each file as the source registry states it. `requirements` is a requirements file
    with the versions and digests of all wheels.
    """

    identity: Client
    digests: frozenset[str]
    requirements: str = ""

    @property
    def token(self) -> str:
        token = self.identity.token()
        assert token
        return token


def import_npm(up: Up, directory: Path) -> Tree:
    """Makes npm write a lockfile for the packages NPM_ROOTS and their dependencies, and imports the packages in the
    lockfile.
    """
    (directory / "package.json").write_text(json.dumps({"name": "tree", "version": "1.0.0", "dependencies": NPM_ROOTS}))
    _run(directory, program("npm 10", "npm"), "install", "--package-lock-only", "--ignore-scripts", "--no-audit")
    lockfile = directory / "package-lock.json"
    packages = json.loads(lockfile.read_text())["packages"]
    digests = frozenset(each["integrity"] for path, each in packages.items() if path)
    assert len(digests) > 300
    _import(up, directory, lockfile)
    return Tree(_identity(up, "npm-tree", "npm:*:pull"), digests)


def import_python(up: Up, directory: Path) -> Tree:
    """Downloads wheels from the package index that pip is configured to use on this machine. Imports them into the
    sandbox's registry.
    """
    wheels = directory / "wheels"
    options = ["download", "--quiet", "--only-binary", ":all:", "--dest", str(wheels)]
    _run(directory, program("pip 26.3", "pip"), *options, *PYTHON_ROOTS)
    digests = {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in sorted(wheels.iterdir())}
    assert len(digests) > 60
    _import(up, directory, wheels)
    pins = ((*name.split("-")[:2], digest) for name, digest in digests.items())
    requirements = "".join(f"{project}=={version} --hash=sha256:{digest}\n" for project, version, digest in pins)
    return Tree(_identity(up, "python-tree", "pypi:*:pull"), frozenset(digests.values()), requirements)


def installed(project: Path) -> set[tuple[str, str]]:
    """Returns the name and version of each package in any node_modules directory below `project`."""
    files = [*project.glob("**/node_modules/*/package.json"), *project.glob("**/node_modules/@*/*/package.json")]
    found = (json.loads(file.read_text()) for file in files)
    return {(package["name"], package["version"]) for package in found if "version" in package}


def digests_in(lockfile: Path) -> set[str]:
    """Returns the SHA-512 digests in a lockfile of npm, pnpm or yarn 1."""
    return set(re.findall(r"sha512-[\w+/]{86}==", lockfile.read_text()))


def _identity(up: Up, name: str, grant: str) -> Client:
    identity = Client(up.sandbox, name, up.outputs()["url"])
    identity.configure(operator.issue_token(up.sandbox, up.outputs(), name, [grant]))
    return identity


def _import(up: Up, directory: Path, source: Path) -> None:
    done = registry(up, "import", source, "--journal", directory / "journal")
    assert done.returncode == 0, done.stdout + done.stderr


def _run(directory: Path, *command: str | Path) -> None:
    done = subprocess.run(
        [str(each) for each in command], cwd=directory, env=os.environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
