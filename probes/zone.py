"""The Cloudflare zone in which probes deploy workers. Everything that a probe creates is deleted at its end."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import Any, cast

import httpx
from cloudflare import Cloudflare, CloudflareError

from probes.recording import Recording

# The certificate of a new hostname and the route of a new script are at all locations within this time.
_PATIENCE_SECONDS = 120.0
_PAUSE_SECONDS = 1.0


class ZoneError(Exception):
    """The probe cannot run in the zone. The message names the zone and the way out."""


class Zone:
    """An active zone, named `zone`, of the account of `api`.

    `run` is part of each name, so that simultaneous runs do not collide. `http` sends requests to the deployed workers.
    """

    def __init__(
        self, run: str, zone: str, api: Cloudflare, http: httpx.Client, cleanup: ExitStack, recording: Recording
    ) -> None:
        self.api = cast(Any, api)
        found = next(iter(self.api.zones.list(name=zone)), None)
        if found is None:
            raise ZoneError(f"{zone}: the API token in CLOUDFLARE_API_TOKEN sees no zone of this name")
        self.account, self._id = str(found.account.id), str(found.id)
        self.name = f"artifact-edge-probe-{run}"
        self._host = f"{self.name}.{zone}"
        self._http = http
        self._cleanup = cleanup
        self._recording = recording

    def later(self, remove: Callable[..., Any], *values: str, **arguments: str) -> None:
        """Calls `remove` when the probe ends. What was created last is removed first."""
        self._cleanup.callback(remove, *values, **arguments)

    def publish(self) -> None:
        """Gives the probe's script a hostname in the zone, and waits until the script answers there."""
        # Cloudflare answers by the worker, and never connects to this address, the discard prefix (RFC 6666).
        record = self.api.dns.records.create(
            zone_id=self._id, name=self._host, type="AAAA", content="100::", proxied=True, ttl=1
        )
        self.later(self.api.dns.records.delete, record.id, zone_id=self._id)
        route = self.api.workers.routes.create(zone_id=self._id, pattern=f"{self._host}/*", script=self.name)
        self.later(self.api.workers.routes.delete, route.id, zone_id=self._id)
        self.until(self._answers, f"{self._host} does not answer")

    def deploy(self, source: str, cache: Mapping[str, bool], *, cross_version: bool) -> None:
        """Deploys a worker script. `cache` says for each entrypoint whether Workers Cache is before it."""
        self.api.workers.scripts.update(
            self.name,
            account_id=self.account,
            metadata={
                "main_module": "index.js",
                "compatibility_date": "2026-11-01",
                "cache_options": {"enabled": True, "cross_version_cache": cross_version},
                "exports": {name: {"type": "worker", "cache": {"enabled": on}} for name, on in cache.items()},
            },
            files=[("index.js", source.encode(), "application/javascript+module")],
        )

    def send(self, path: str, method: str = "GET", headers: Mapping[str, str] | None = None) -> httpx.Response:
        """Sends a request to the deployed script, and records the answer."""
        answer = self._http.request(method, f"https://{self._host}{path}", headers=dict(headers or {}))
        self._recording.add(f"{method} {path}", answer.status_code, "", answer.headers, None)
        return answer

    def until(self, condition: Callable[[], bool], problem: str) -> None:
        """Waits until the condition holds. Raises ZoneError with the problem when it does not hold in two minutes."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while not condition():
            if time.monotonic() > deadline:
                raise ZoneError(f"{problem} after {_PATIENCE_SECONDS:.0f} seconds; try again later")
            time.sleep(_PAUSE_SECONDS)

    def refusal(self, call: Callable[..., Any], *values: str, **arguments: Any) -> str:
        """Makes a call of the API. Returns the first code of the error with which Cloudflare refuses the call, or
        `accepted`."""
        try:
            call(*values, account_id=self.account, **arguments)
        except CloudflareError as error:
            body: Any = getattr(error, "body", None) or {}
            codes = [str(each["code"]) for each in body.get("errors", [])]
            code = codes[0] if codes else type(error).__name__
        else:
            code = "accepted"
        self._recording.add(call.__qualname__, 200 if code == "accepted" else 400, code, {}, None)
        return code

    def _answers(self) -> bool:
        try:
            return self._http.get(f"https://{self._host}/ready").status_code == 200
        except httpx.HTTPError:
            return False
