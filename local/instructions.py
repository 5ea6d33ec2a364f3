"""What `make up` prints at its end: commands that work as they stand, copied into a shell."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence

from local.checkout import CHECKOUT
from local.clients import ANONYMOUS, Client
from local.samples import IMAGE, NPM_PACKAGE, PYTHON_PACKAGE

_SAID = {
    "reader": "With a token that is granted the packages:",
    ANONYMOUS: "Without a token, refused with 401:",
    "outsider": "With a token that lacks the grant, refused with 403:",
}


def lines(clients: Sequence[Client]) -> Iterator[str]:
    """One line each; commands begin with two spaces."""
    first = clients[0]
    yield f"Private packages are served at {first.url}, to npm, pip and skopeo."
    by_identity = {client.identity: client for client in clients}
    for identity, said in _SAID.items():
        yield said
        for command in commands(by_identity[identity]):
            yield f"  {command}"
    yield "Plain pulumi commands, in a shell that has been told where the emulated clouds are:"
    here = shlex.quote(str(CHECKOUT))
    yield f'  cd {here} && eval "$(.venv/bin/python -m local env)" && pulumi preview --stack local'


def commands(client: Client) -> list[str]:
    """How the identity installs the samples by each client."""
    target = client.directory / "installed"
    return [
        client.npm_install(NPM_PACKAGE, target / "npm"),
        client.pip_install(PYTHON_PACKAGE, target / "python"),
        client.skopeo_copy(IMAGE, target / "image"),
    ]
