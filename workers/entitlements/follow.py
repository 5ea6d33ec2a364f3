"""`python -m workers.entitlements.follow`: a Cloud Run service that copies token changes from Spanner to the edge.

The service has one instance, whose CPU is always allocated. The instance polls the change stream in a loop
(follower.py). If a poll hangs, the health check /healthz fails, and Cloud Run restarts the instance. A failed poll does
not make the health check fail, because a restart does not help when the edge does not answer.
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

# The pause in seconds between two polls of the change stream. If a change is committed while a poll runs, the next poll
# reads the change.
POLL_SECONDS = 0.5
# The pauses in seconds after failed polls: the pause after the first failure, and the maximum. Each further failure
# doubles the pause, up to the maximum.
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
# The health check fails if no poll has ended in the last 180 seconds. A single slow request cannot make a poll take
# this long: the timeouts of a request add up to at most 23 seconds, and a poll ends with its first failed request.
STUCK_SECONDS = 180.0

_TRANSIENT = (CloudflareError, SpannerError, TopicUnavailable, SecretUnreadable, NoIdentity)
_log = logging.getLogger(__name__)


@dataclass
class Liveness:
    """Answers the health check of the service. The service calls `beat` after each poll of the change stream. If the
    last call was too long ago, the answer is 503.
    """

    at: float = field(default_factory=time.monotonic)

    def beat(self) -> None:
        self.at = time.monotonic()

    def application(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        alive = time.monotonic() - self.at < STUCK_SECONDS
        start("200 OK" if alive else "503 Service Unavailable", [("content-type", "text/plain")])
        return [b"ok\n" if alive else b"stuck\n"]


class EdgeBySecret:
    """Writes token records to the edge's key-value store.

    After an error, the next write reads the Cloudflare API token again from the secret, because the token may have been
    replaced.
    """

    def __init__(self, secret: ForeignSecret) -> None:
        self._secret = secret
        self._edge: TokenEntries | None = None

    def update(self, records: Sequence[Record]) -> Sequence[Record]:
        if self._edge is None:
            # The variable CLOUDFLARE_BASE_URL overrides the address of Cloudflare's API. Cloudflare's own tools read
            # it, too.
            api = os.environ.get("CLOUDFLARE_BASE_URL", "")
            place = settings.setting("ACCOUNT_ID"), settings.setting("NAMESPACE_ID")
            self._edge = TokenEntries(CloudflareApi(self._secret.read("api_token"), api), *place)
        try:
            return self._edge.update(records)
        except CloudflareError:
            self._edge = None
            raise


def follow(poll: Callable[[], None], beat: Callable[[], None], pause: Callable[[float], None]) -> None:
    """Calls `poll` forever. After a transient error, the function pauses and tries again. Each further error in a row
    doubles the pause, up to a maximum. Any other error ends the loop.
    """
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
