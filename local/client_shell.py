"""Sets up a shell as a client of the sandbox. The user runs `eval "$(python -m local client reader)"`, which sets
environment variables in the shell.

In this shell, npm, pnpm, yarn, pip, uv and skopeo work with their usual commands. Tokens stay in files that only their
owner can read; no environment variable contains a token.
"""

from __future__ import annotations

import shlex
import venv
from collections.abc import Iterator, Mapping

from local.clients import Client

# The variables that `exports` removes from the user's shell, because they would take precedence over the variables that
# `exports` sets.
UNSET = ("NO_PROXY", "no_proxy", "PYTHONHOME", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "UV_INDEX", "UV_INDEX_URL")


def exports(client: Client) -> Iterator[str]:
    """Yields the commands that make a POSIX shell a client of the sandbox.

    The first call for a client creates a virtual environment for pip in about 5 s.
    """
    python = client.directory / "python"
    if not (python / "bin" / "pip").exists():
        venv.create(python, with_pip=True)
    yield f"unset {' '.join(UNSET)}"
    for name, value in {**environment(client), "VIRTUAL_ENV": str(python)}.items():
        yield f"export {name}={shlex.quote(value)}"
    yield f'export PATH={shlex.quote(str(python / "bin"))}:"$PATH"'


def environment(client: Client) -> Mapping[str, str]:
    """Returns the environment variables with which client programs find the registry, trust its certificate and
    authenticate.

    The variables also contain the URL of a proxy, through which client programs send their requests. The proxy resolves
    the registry's name through the emulated Geo-DNS.
    """
    index, authority = f"{client.url}/pypi/simple/", str(client.authority)
    return {
        "NPM_CONFIG_USERCONFIG": str(client.directory / "npmrc"),
        "NODE_EXTRA_CA_CERTS": authority,
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
