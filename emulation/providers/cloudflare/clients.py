"""Creates the client of the Cloudflare API from the CLOUDFLARE_* environment variables, and turns API errors into
messages for users."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import cache

from cloudflare import APIConnectionError, APIStatusError, Cloudflare

from emulation.providers.handler import CloudError

Clients = Callable[[], Cloudflare]

# The timeout of a request to the Cloudflare API, in seconds. The emulated API answers the upload of a worker script
# only when all PoPs run the script.
TIMEOUT = 120.0


def from_environment() -> Cloudflare:
    """Returns a client of the emulated Cloudflare. Raises CloudError if the environment variable CLOUDFLARE_BASE_URL is
    not set, because the client would otherwise connect to the real Cloudflare.
    """
    url = os.environ.get("CLOUDFLARE_BASE_URL")
    if not url:
        raise CloudError("CLOUDFLARE_BASE_URL is not set: the emulated provider does not speak to the real Cloudflare")
    return _client(url, os.environ.get("CLOUDFLARE_API_TOKEN", "emulated"))


@cache
def _client(url: str, token: str) -> Cloudflare:
    return Cloudflare(base_url=url, api_token=token, max_retries=0, timeout=TIMEOUT)


@contextmanager
def api_errors() -> Generator[None]:
    """Converts errors of Cloudflare's SDK into CloudError with the error message of the Cloudflare API."""
    try:
        yield
    except APIStatusError as error:
        messages = [f"{detail.message} (code {detail.code})" for detail in error.errors]
        raise CloudError("; ".join(messages) or str(error)) from error
    except APIConnectionError as error:
        raise CloudError(f"the emulated Cloudflare does not answer at {error.request.url.host}") from error
