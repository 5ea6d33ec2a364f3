"""Provides the base image of the Dockerfile, also on a machine that cannot reach an image registry."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from local.prerequisites import install
from tests.container.daemon import Docker

_NAME = "artifact-edge-test-base"
_CERTIFICATES = Path("etc/ssl/certs/ca-certificates.crt")


def base_image(docker: Docker, published: str, directory: Path) -> str:
    """Returns the name of a base image for the Dockerfile. If the daemon has the published base image, or can pull it,
    this is the published image.

    Otherwise the function makes a base image. The image contains Debian 12, and this machine's Node, Go and
    certificates. The program mmdebstrap installs Debian from Debian's package archive.
    """
    if docker.run("image", "inspect", published).returncode == 0 or docker.run("pull", published).returncode == 0:
        return published
    if shutil.which("mmdebstrap") is None:
        install(["mmdebstrap"], print)
    root = directory / "base"
    subprocess.run(
        ["mmdebstrap", "--quiet", "--variant=minbase", "--include=ca-certificates", "bookworm", root], check=True
    )
    shutil.copyfile(Path("/") / _CERTIFICATES, root / _CERTIFICATES)
    programs = root / "usr" / "local"
    node, npm = _found("node"), _found("npm").parents[1]
    shutil.copyfile(node, programs / "bin" / "node")
    (programs / "bin" / "node").chmod(0o755)
    _add(npm, programs / "lib" / "node_modules" / "npm", {"npm": "bin/npm-cli.js", "npx": "bin/npx-cli.js"})
    _add(_found("go").parents[1], programs / "go", {"go": "bin/go"})
    tar = subprocess.run(["tar", "-C", root, "-c", "."], capture_output=True, check=True)
    shutil.rmtree(root)
    imported = docker.run("import", "-", _NAME, given=tar.stdout)
    assert imported.returncode == 0, imported.stdout
    return _NAME


def _found(name: str) -> Path:
    """Returns the path of a program on this machine, with symbolic links resolved."""
    path = shutil.which(name)
    assert path, f"{name} is missing"
    return Path(path).resolve()


def _add(source: Path, target: Path, programs: dict[str, str]) -> None:
    """Copies the directory `source` of this machine into the base image, and adds links to programs in it. `programs`
    maps the name of each link in /usr/local/bin to a file in the directory.
    """
    shutil.copytree(source, target, symlinks=True)
    local = next(parent for parent in target.parents if parent.name == "local")
    for name, file in programs.items():
        (local / "bin" / name).symlink_to(Path("..") / target.relative_to(local) / file)
