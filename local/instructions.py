"""The instructions that `make up` prints at its end: commands for the user to run in their own shell."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator

from emulation.layout import Sandbox
from local.checkout import CHECKOUT, SANDBOX_DIRECTORY
from local.clients import ANONYMOUS
from local.samples import IMAGE, NPM_PACKAGE, PYTHON_PACKAGE

_HEADINGS = {
    "reader": "A client that may pull the packages; in a shell and a directory of your own:",
    "outsider": "A client whose token lacks the grants, refused with 403:",
    ANONYMOUS: "A client without a token, refused with 401:",
}


def lines(sandbox: Sandbox, url: str) -> Iterator[str]:
    """Yields the lines of the instructions that `make up` prints. Lines with commands begin with two spaces."""
    yield f"Private packages are served at {url} to npm, pip, uv and skopeo."
    for identity, heading in _HEADINGS.items():
        yield heading
        yield f"  {set_up(sandbox, identity)}"
        if identity == "reader":
            yield from (f"  {command}" for command in commands(url.removeprefix("https://")))
    yield "pip writes the status of a refusal only into the file that $PIP_LOG names."
    yield "Plain pulumi commands, in a shell set up for the emulated clouds:"
    here = shlex.quote(str(CHECKOUT))
    yield f'  cd {here} && eval "$(.venv/bin/python -m local env)" && pulumi preview --stack local'


def set_up(sandbox: Sandbox, identity: str) -> str:
    """Returns a shell command that makes the package clients in this shell authenticate as `identity`."""
    command = [sys.executable, "-m", "local", "client", identity]
    if sandbox.directory != SANDBOX_DIRECTORY:
        command += ["--directory", str(sandbox.directory)]
    return f'eval "$({shlex.join(command)})"'


def commands(host: str) -> list[str]:
    """Returns a command for each ecosystem that installs the ecosystem's sample package or image."""
    return [
        f"npm install {NPM_PACKAGE}",
        f"pip install {PYTHON_PACKAGE}",
        f"skopeo copy docker://{host}/{IMAGE} oci:app",
    ]
