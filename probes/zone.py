"""The Cloudflare zone in which probes (checks on real clouds) deploy workers. When a probe ends, all resources that the
probe has created are deleted.
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

# A probe waits at most this many seconds until all locations of Cloudflare know a new hostname. A location must have
# the hostname's certificate and the script's route.
_TIMEOUT_SECONDS = 120.0


class Zone:
    """The active Cloudflare zone with the name `zone`. `api` is a client with the token of the zone's account.

    `run` is a string that differs for each run of the probes. The names of all resources contain this string, so two
    runs can take place at the same time. `http` sends requests to the deployed workers. `origin` is the host of the
    user's server on port 8443, or empty if the user names no host. `domain` is a domain without a zone in the account,
    or empty if the user names no domain.
    """

    def __init__(
        self,
        run: str,
        zone: str,
        api: Cloudflare,
        http: httpx.Client,
        cleanup: ExitStack,
        recording: Recording,
        origin: str = "",
        domain: str = "",
    ) -> None:
        self.origin, self.domain = origin, domain
        self.api = cast(Any, api)
        found = next(iter(self.api.zones.list(name=zone)), None)
        if found is None:
            raise ProbeError(f"{zone}: the API token in CLOUDFLARE_API_TOKEN sees no zone of this name")
        self.account, self.id = str(found.account.id), str(found.id)
        self.plan = str(found.plan.name)
        self.name = f"artifact-edge-probe-{run}"
        self._zone = zone
        self._host = f"{self.name}.{zone}"
        self._http = http
        self._cleanup = cleanup
        self._recording = recording

    def later(self, remove: Callable[..., Any], *values: str, **arguments: Any) -> None:
        """Registers a function that deletes a resource when the probe ends. The newest resource is deleted first."""
        self._cleanup.callback(remove, *values, **arguments)

    def publish(self) -> None:
        """Routes a hostname of the zone to the probe's script. Waits until the script answers requests to this
        hostname.
        """
        self.add_proxied_name(self._host)
        route = self.api.workers.routes.create(zone_id=self.id, pattern=f"{self._host}/*", script=self.name)
        self.later(self.api.workers.routes.delete, route.id, zone_id=self.id)
        self.until(self._answers, f"{self._host} does not answer")

    def host(self, kind: str = "") -> str:
        """Returns a hostname in the Cloudflare zone that only this run of the probe uses. If `kind` is empty, returns
        the hostname of the deployed worker script. Otherwise, the hostname contains `kind`, and no route leads from it
        to the script.
        """
        return f"{self.name}-{kind}.{self._zone}" if kind else self._host

    def add_proxied_name(self, name: str) -> None:
        """Adds a proxied DNS record to the Cloudflare zone. No server answers at the record's address, because this
        address is in the discard prefix (RFC 6666).
        """
        self._add_record(name, "AAAA", "100::", proxied=True)

    def add_unreachable_name(self, name: str) -> None:
        """Adds an unproxied DNS record to the Cloudflare zone. No server answers at the record's address, because this
        address is reserved for documentation (RFC 5737).
        """
        self._add_record(name, "A", "192.0.2.1", proxied=False)

    def _add_record(self, name: str, type: str, content: str, *, proxied: bool) -> None:
        record = self.api.dns.records.create(
            zone_id=self.id, name=name, type=type, content=content, proxied=proxied, ttl=1
        )
        self.later(self.api.dns.records.delete, record.id, zone_id=self.id)

    def purge(self, path: str) -> None:
        """Purges the URL of a path from the cache of the Cloudflare zone. Workers Cache is a separate cache, and keeps
        its copy.
        """
        self.api.cache.purge(zone_id=self.id, files=[f"https://{self._host}{path}"])

    def deploy(
        self,
        source: str,
        cache: Mapping[str, bool],
        *,
        cross_version: bool,
        bindings: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        """Deploys a worker script to Cloudflare. `cache` maps each entrypoint to true if Workers Cache stores the
        responses of the entrypoint.
        """
        upload = _upload(source, cache, cross_version, bindings)
        self.api.workers.scripts.update(self.name, account_id=self.account, **upload)

    def deploy_refusal(self, source: str, bindings: Sequence[Mapping[str, Any]]) -> str:
        """Deploys a worker script with bindings. Returns the first error code if Cloudflare refuses the script, and
        `accepted` otherwise.
        """
        upload = _upload(source, {"default": False}, True, bindings)
        return self.refusal(self.api.workers.scripts.update, self.name, account_id=self.account, **upload)

    def send(self, path: str, method: str = "GET", headers: Mapping[str, str] | None = None) -> httpx.Response:
        """Sends a request to the deployed worker script. Records and returns the response."""
        answer = self._http.request(method, f"https://{self._host}{path}", headers=dict(headers or {}))
        self._recording.add(f"{method} {path}", answer.status_code, "", answer.headers, None)
        return answer

    def read(self, path: str) -> str:
        """Requests `path` from the deployed worker script, reads the whole response, and drops the body. Returns the id
        in the header `x-call`. A cached response has the id of an earlier response.
        """
        with self._http.stream("GET", f"https://{self._host}{path}") as answer:
            for _ in answer.iter_raw():
                pass
        self._recording.add(f"GET {path}", answer.status_code, "", answer.headers, None)
        return answer.headers.get("x-call", "")

    def until(self, condition: Callable[[], bool], problem: str) -> None:
        """Waits until `condition` returns true. Raises ProbeError with the message `problem` after two minutes."""
        until(condition, problem, _TIMEOUT_SECONDS)

    def refusal(self, call: Callable[..., Any], *values: Any, **arguments: Any) -> str:
        """Calls a function that sends a request to the Cloudflare API. Returns the first error code if Cloudflare
        refuses the request, and `accepted` otherwise.
        """
        try:
            call(*values, **arguments)
        except CloudflareError as error:
            code = error_code(error)
        else:
            code = "accepted"
        self._recording.add(call.__qualname__, 200 if code == "accepted" else 400, code, {}, None)
        return code

    def _answers(self) -> bool:
        try:
            return self._http.get(f"https://{self._host}/ready").status_code == 200
        except httpx.HTTPError:
            return False


def error_code(error: CloudflareError) -> str:
    """Returns the first error code of Cloudflare's answer. If the answer has no code, returns the name of the error's
    Python class.
    """
    body: Any = getattr(error, "body", None) or {}
    codes = [str(each["code"]) for each in body.get("errors", [])]
    return codes[0] if codes else type(error).__name__


def _upload(
    source: str, cache: Mapping[str, bool], cross_version: bool, bindings: Sequence[Mapping[str, Any]]
) -> Mapping[str, Any]:
    """Returns the keyword arguments with which Cloudflare's SDK uploads a worker script."""
    return {
        "metadata": {
            "main_module": "index.js",
            "compatibility_date": "2026-11-01",
            "bindings": list(bindings),
            "cache_options": {"enabled": True, "cross_version_cache": cross_version},
            "exports": {name: {"type": "worker", "cache": {"enabled": on}} for name, on in cache.items()},
        },
        "files": [("index.js", source.encode(), "application/javascript+module")],
    }
