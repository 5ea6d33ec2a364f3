"""Polls during `pulumi up` until something in a cloud is ready, for example until a new machine serves clients."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import pulumi

_POLL_SECONDS = 5.0


@dataclass(frozen=True)
class Limit:
    """The limit of a wait. If the wait lasts longer than `seconds`, `error` creates the exception that ends the wait.
    The argument of `error` says what is still missing.
    """

    seconds: float
    error: Callable[[str], Exception]


async def wait_while_missing(
    missing: Callable[[], Awaitable[str]], announcement: Callable[[str], str], limit: Limit
) -> None:
    """Calls `missing` again and again until it returns an empty string. Any other string says what is still missing.
    Raises the exception that `limit.error` returns if something is still missing after the time limit.

    If something is missing at the first call, the function writes a message to the log. The message tells the person
    who runs `pulumi up` why nothing happens yet.
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
