"""Waits during `pulumi up` for something that a cloud or a machine does later, such as a certificate."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import pulumi

_POLL_SECONDS = 5.0


@dataclass(frozen=True)
class Limit:
    """The longest wait in seconds, and the error after it.

    `error` makes the error from what was still missing at the end.
    """

    seconds: float
    error: Callable[[str], Exception]


async def wait_while_missing(
    missing: Callable[[], Awaitable[str]], announcement: Callable[[str], str], limit: Limit
) -> None:
    """Waits until `missing` returns an empty text. Before that, it returns what is still missing.

    The first time that something is missing, the function logs the announcement for it, so that the person who runs
    `pulumi up` knows what they wait for.
    """
    deadline = time.monotonic() + limit.seconds
    announced = False
    while still := await missing():
        if time.monotonic() > deadline:
            raise limit.error(still)
        if not announced:
            pulumi.log.info(announcement(still))
            announced = True
        await asyncio.sleep(_POLL_SECONDS)
