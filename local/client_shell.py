"""One shell set up as a client of the local environment: what `eval "$(python -m local client reader)"` exports.

npm, pnpm, yarn, pip, uv and skopeo then work with the commands that a person would type. Tokens stay in files that only
their owner can read; no exported value holds one.
"""

from __future__ import annotations

import shlex
import venv
from collections.abc import Iterator, Mapping
from pathlib import Path

from local.clients import Client
from local.health import edge_authority

# Settings of the user's own shell that would win over the exported ones.
_UNSET = ("NO_PROXY", "no_proxy", "PYTHONHOME", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "UV_INDEX", "UV_INDEX_URL")


def exports(client: Client) -> Iterator[str]:
    """Lines for a POSIX shell. The first call for a client makes a virtual environment for pip, in about 5 s."""
    python = client.directory / "python"
    if not (python / "bin" / "pip").exists():
        venv.create(python, with_pip=True)
    yield f"unset {' '.join(_UNSET)}"
    for name, value in environment(client, python).items():
        yield f"export {name}={shlex.quote(value)}"
    yield f'export PATH={shlex.quote(str(python / "bin"))}:"$PATH"'


def environment(client: Client, python: Path) -> Mapping[str, str]:
    """The variables by which each client program finds the registry, trusts it and authenticates.

    `python` is the virtual environment that pip and uv install into. No name is resolved on this machine: the proxy
    of a probe location resolves it through the emulated Geo-DNS.
    """
    index, authority = f"{client.url}/pypi/simple/", str(edge_authority(client.sandbox))
    return {
        "NPM_CONFIG_USERCONFIG": str(client.directory / "npmrc"),
        "NODE_EXTRA_CA_CERTS": authority,
        "VIRTUAL_ENV": str(python),
        "NETRC": str(client.directory / "netrc"),
        "PIP_CONFIG_FILE": "/dev/null",
        "PIP_INDEX_URL": index,
        "PIP_LOG": str(client.directory / "pip.log"),
        "PIP_NO_CACHE_DIR": "1",
        "PIP_NO_INPUT": "1",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "REQUESTS_CA_BUNDLE": authority,
        "UV_NO_CONFIG": "1",
        "UV_DEFAULT_INDEX": index,
        "UV_CACHE_DIR": str(client.directory / "uv-cache"),
        "REGISTRY_AUTH_FILE": str(client.directory / "auth.json"),
        "SSL_CERT_FILE": authority,
        "HTTPS_PROXY": client.proxy,
        "https_proxy": client.proxy,
    }
