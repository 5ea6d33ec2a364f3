"""The Cloudflare zone in which probes deploy workers. When a probe ends, all resources that the probe has created are
deleted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from typing import Any, cast

import httpx
from cloudflare import Cloudflare, CloudflareError

from probes.fact import ProbeError
from probes.recording import Recording
from probes.waiting import until

# After this time, Cloudflare serves a new hostname's certificate and a new script's route at all locations.
_TIMEOUT_SECONDS = 120.0


class Zone:
    """The active Cloudflare zone with the name `zone`. `api` is a client with the token of the zone's account.

    The names of all resources contain `run`, so that the names of simultaneous runs differ. `http` sends requests to
    the deployed workers.
    """

    def __init__(
        self, run: str, zone: str, api: Cloudflare, http: httpx.Client, cleanup: ExitStack, recording: Recording
    ) -> None:
        self.api = cast(Any, api)
        found = next(iter(self.api.zones.list(name=zone)), None)
        if found is None:
            raise ProbeError(f"{zone}: the API token in CLOUDFLARE_API_TOKEN sees no zone of this name")
        self.account, self._id = str(found.account.id), str(found.id)
        self.name = f"artifact-edge-probe-{run}"
        self._zone = zone
        self._host = f"{self.name}.{zone}"
        self._http = http
        self._cleanup = cleanup
        self._recording = recording

    def later(self, remove: Callable[..., Any], *values: str, **arguments: str) -> None:
        """Registers a function that deletes a resource when the probe ends. The newest resource is deleted first."""
        self._cleanup.callback(remove, *values, **arguments)

    def publish(self) -> None:
        """Routes a hostname in the zone to the probe's script, and waits until the script answers requests to this
        hostname.
        """
        self.add_proxied_name(self._host)
        route = self.api.workers.routes.create(zone_id=self._id, pattern=f"{self._host}/*", script=self.name)
        self.later(self.api.workers.routes.delete, route.id, zone_id=self._id)
        self.until(self._answers, f"{self._host} does not answer")

    def host(self, kind: str) -> str:
        """Returns a hostname in the Cloudflare zone that no other run of the probe uses."""
        return f"{self.name}-{kind}.{self._zone}"

    def add_proxied_name(self, name: str) -> None:
        """Adds a proxied DNS record to the Cloudflare zone. No server answers at its address in the discard prefix (RFC
        6666).
        """
        record = self.api.dns.records.create(
            zone_id=self._id, name=name, type="AAAA", content="100::", proxied=True, ttl=1
        )
        self.later(self.api.dns.records.delete, record.id, zone_id=self._id)

    def purge(self, path: str) -> None:
        """Purges the URL of a path from the cache of the Cloudflare zone, which is not Workers Cache."""
        self.api.cache.purge(zone_id=self._id, files=[f"https://{self._host}{path}"])

    def deploy(
        self,
        source: str,
        cache: Mapping[str, bool],
        *,
        cross_version: bool,
        bindings: Sequence[Mapping[str, str]] = (),
    ) -> None:
        """Deploys a worker script to Cloudflare. `cache` says for each entrypoint whether Workers Cache stores its
        responses.
        """
        self.api.workers.scripts.update(
            self.name,
            account_id=self.account,
            metadata={
                "main_module": "index.js",
                "compatibility_date": "2026-11-01",
                "bindings": list(bindings),
                "cache_options": {"enabled": True, "cross_version_cache": cross_version},
                "exports": {name: {"type": "worker", "cache": {"enabled": on}} for name, on in cache.items()},
            },
            files=[("index.js", source.encode(), "application/javascript+module")],
        )

    def send(self, path: str, method: str = "GET", headers: Mapping[str, str] | None = None) -> httpx.Response:
        """Sends a request to the deployed worker script. Records and returns the response."""
        answer = self._http.request(method, f"https://{self._host}{path}", headers=dict(headers or {}))
        self._recording.add(f"{method} {path}", answer.status_code, "", answer.headers, None)
        return answer

    def until(self, condition: Callable[[], bool], problem: str) -> None:
        """Waits until `condition` returns true. Raises ProbeError with the text `problem` after two minutes."""
        until(condition, problem, _TIMEOUT_SECONDS)

    def refusal(self, call: Callable[..., Any], *values: str, **arguments: Any) -> str:
        """Calls a method of the Cloudflare API. Returns the first error code if Cloudflare refuses the request, and
        `accepted` otherwise.
        """
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
