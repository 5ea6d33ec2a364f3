"""`python -m workers.entitlements.follow`: the follower of the change stream, as a Cloud Run service (follower.py).

The service is one instance whose CPU is always allocated. /healthz reports whether the loop still runs. A failed poll
counts as running: a restart helps against a hung poll, but not against an edge that does not answer.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from contract.tokens import Record
from registry.cloudflare.api import CloudflareApi, CloudflareError
from registry.cloudflare.token_entries import TokenEntries
from workers.entitlements import settings
from workers.entitlements.changes import ChangeStream
from workers.entitlements.follower import Follower
from workers.entitlements.positions import Positions
from workers.entitlements.pubsub import DeadLetters, TopicUnavailable
from workers.entitlements.spanner import SpannerError
from workers.foreign_secret import ForeignSecret, SecretUnreadable
from workers.google import Identity, NoIdentity
from workers.service_log import structured
from workers.serving import serve_beside

POLL_SECONDS = 0.5  # pause between polls, which delays a change by at most this long
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0  # seconds before a failed poll is repeated; the pause doubles up to the longest
STUCK_SECONDS = 180.0  # a longer poll has hung, because all requests of a poll together time out earlier

_TRANSIENT = (CloudflareError, SpannerError, TopicUnavailable, SecretUnreadable, NoIdentity)
_log = logging.getLogger(__name__)


@dataclass
class Liveness:
    """The time of the loop's last poll, and the health check that reports it."""

    at: float = field(default_factory=time.monotonic)

    def beat(self) -> None:
        self.at = time.monotonic()

    def application(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        alive = time.monotonic() - self.at < STUCK_SECONDS
        start("200 OK" if alive else "503 Service Unavailable", [("content-type", "text/plain")])
        return [b"ok\n" if alive else b"stuck\n"]


class EdgeBySecret:
    """The edge's store of tokens. After an error the API token is read again, because it may have been replaced."""

    def __init__(self, secret: ForeignSecret) -> None:
        self._secret = secret
        self._edge: TokenEntries | None = None

    def update(self, records: Sequence[Record]) -> Sequence[Record]:
        if self._edge is None:
            api = os.environ.get("CLOUDFLARE_BASE_URL", "")  # the variable of Cloudflare's own tools
            place = settings.setting("ACCOUNT_ID"), settings.setting("NAMESPACE_ID")
            self._edge = TokenEntries(CloudflareApi(self._secret.read("api_token"), api), *place)
        try:
            return self._edge.update(records)
        except CloudflareError:
            self._edge = None
            raise


def follow(poll: Callable[[], None], beat: Callable[[], None], pause: Callable[[float], None]) -> None:
    """Calls `poll` forever. Transient errors are retried with growing pauses. Other errors end the loop."""
    wait = FIRST_PAUSE
    while True:
        try:
            poll()
            wait = FIRST_PAUSE
            pause(POLL_SECONDS)
        except _TRANSIENT as error:
            _log.warning("%s; it will be retried", error)
            pause(wait)
            wait = min(LONGEST_PAUSE, wait * 2)
        beat()


def main() -> None:
    structured()
    identity, liveness = Identity(), Liveness()
    serve_beside(liveness.application)
    spanner = settings.spanner(identity)
    dead_letters = DeadLetters(settings.setting("DEAD_LETTERS"), identity.access_token, settings.api("pubsub"))
    stream = settings.setting("CHANGE_STREAM")
    follower = Follower(
        spanner,
        ChangeStream(spanner, stream),
        Positions(spanner, f"{stream}_positions"),
        EdgeBySecret(settings.secret(identity)),
        dead_letters.send,
    )
    follow(follower.poll, liveness.beat, time.sleep)


if __name__ == "__main__":
    main()
