"""Repeats HTTP requests of an import that fail because of temporary errors: network errors, status 408, 429 and 5xx.

Source: RFC 9110, sections 10.2.3 (Retry-After) and 15.5.9 (408).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from time import sleep
from typing import TypeVar

import httpx

_TRIES = 5
# The statuses below 500 after which a request is repeated: 408 (the server or a proxy timed out) and 429 (too many
# requests). npm and pip also repeat such requests.
_TEMPORARY = (408, 429)
_LONGEST_WAIT_SECONDS = 60.0

_Answer = TypeVar("_Answer")


def repeated(attempt: Callable[[], _Answer]) -> _Answer:
    """Returns the result of `attempt`, which sends a request. Repeats the attempt after a failure that may be
    temporary.

    Raises the httpx error of the last attempt if all attempts fail, or if another attempt would not help.
    """
    for tries in range(1, _TRIES):
        try:
            return attempt()
        except httpx.HTTPError as error:
            wait = _wait(error, tries)
            if wait is None:
                raise
            sleep(wait)
    return attempt()


def _wait(error: httpx.HTTPError, tries: int) -> float | None:
    """Returns how many seconds to wait before a failed request is sent again. Returns None if another attempt would not
    help.

    The waits grow exponentially. If the server's answer has a Retry-After header, this header determines the wait.
    """
    seconds = 0.5 * 2**tries
    if isinstance(error, httpx.HTTPStatusError):
        if error.response.status_code not in _TEMPORARY and error.response.status_code < 500:
            return None
        stated = _retry_after(error.response.headers.get("retry-after", ""))
        seconds = seconds if stated is None else stated
    return min(seconds, _LONGEST_WAIT_SECONDS)


def _retry_after(text: str) -> float | None:
    """Returns the number of seconds to wait that a Retry-After header states. The header contains a number or an HTTP
    date. Returns None for any other value.
    """
    if text.isdecimal():
        return float(text)
    try:
        until = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max((until.replace(tzinfo=until.tzinfo or UTC) - datetime.now(UTC)).total_seconds(), 0.0)
