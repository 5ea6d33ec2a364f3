"""Emulates the health checkers of Route 53, which probe the endpoints of health checks with real connections and
requests.

The limits come from the Route 53 Developer Guide, "How Amazon Route 53 determines whether a health check is healthy".
Route 53 has checkers in many countries, and each probes an endpoint every ten or thirty seconds. Together the checkers
probe an endpoint every second or two. The sandbox has one checker, which probes at that rate.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import httpx

from emulation.dns.client import listening_port

_log = logging.getLogger(__name__)

_CONNECT_SECONDS = 4.0
_RESPONSE_SECONDS = 2.0
_TCP_CONNECT_SECONDS = 10.0
_SEARCHED_BYTES = 5120
_SECONDS_BETWEEN = 2.0
_ENDPOINT_TYPES = ("HTTP", "HTTPS", "HTTP_STR_MATCH", "HTTPS_STR_MATCH", "TCP")

# A function that resolves a DNS name. It returns every address that clients get at any of the client locations.
Resolve = Callable[[str], Iterable[str]]

# A function that takes the address of an endpoint, and returns the source addresses from which health checkers probe
# this endpoint. If a source address is an empty string, the operating system chooses the address.
Sources = Callable[[str], Sequence[str]]


def _any_source(_: str) -> Sequence[str]:
    return ("",)


class Unhealthy(Exception):
    """Raised when a probe shows that an endpoint is unhealthy. The error's message states the reason."""


@dataclass(frozen=True)
class Check:
    """The configuration of a health check. The class describes the health checks of Route 53, of accelerators and of
    PoPs.

    `interval` is the time between two probes, in seconds. A calculated health check combines other health checks, and
    uses only the fields `children` and `threshold`. A health check of an endpoint uses only the other fields.
    """

    id: str
    type: str
    address: str = ""
    name: str = ""
    port: int = 0
    path: str = "/"
    search: str = ""
    interval: float = _SECONDS_BETWEEN
    failures: int = 3
    starts_healthy: bool = True
    inverted: bool = False
    disabled: bool = False
    server_name: bool = False
    children: tuple[str, ...] = ()
    threshold: int = 0

    @property
    def endpoint(self) -> str:
        """Returns a description of a Route 53 health check for logs and reports. The description names the endpoint
        that the health check probes, or the other health checks that it combines.
        """
        if self.type == "CALCULATED":
            return f"{self.threshold} of {', '.join(self.children)}"
        return f"{self.type} {self.name or self.address}:{self.port}{'' if self.type == 'TCP' else self.path}"


def parse(raw: Mapping[str, Any]) -> Check:
    """Returns the configuration of one Route 53 health check. `raw` is the health check as `ListHealthChecks` of the
    Route 53 API returns it. Raises ValueError when the type of the health check is not emulated.
    """
    config = raw["HealthCheckConfig"]
    kind: str = config["Type"]
    if kind != "CALCULATED" and kind not in _ENDPOINT_TYPES:
        raise ValueError(f"health check {raw['Id']}: type not emulated: {kind}")
    return Check(
        id=raw["Id"],
        type=kind,
        address=config.get("IPAddress") or "",
        name=config.get("FullyQualifiedDomainName") or "",
        port=int(config.get("Port") or (443 if kind.startswith("HTTPS") else 80)),
        path="/" + (config.get("ResourcePath") or "").removeprefix("/"),
        search=config.get("SearchString") or "",
        failures=int(config.get("FailureThreshold") or 3),
        inverted=bool(config.get("Inverted")),
        disabled=bool(config.get("Disabled")),
        server_name=bool(config.get("EnableSNI")),
        children=tuple(config.get("ChildHealthChecks") or ()),
        threshold=int(config.get("HealthThreshold") or 0),
    )


@dataclass(frozen=True)
class Standing:
    """The state of an endpoint according to a health checker: healthy or unhealthy, and the reason."""

    healthy: bool = True
    # The number of probes in a row that contradict `healthy`, the current decision of the health checker.
    against: int = 0
    reason: str = ""

    def after(self, failure: str, threshold: int) -> Standing:
        """Returns the state of an endpoint after one more probe by the health checker.

        `failure` is the reason why the probe failed, or an empty string if the probe succeeded.
        """
        if (not failure) == self.healthy:
            return Standing(self.healthy, reason=failure)
        if self.against + 1 >= threshold:
            return Standing(not self.healthy, reason=failure)
        return replace(self, against=self.against + 1, reason=failure or self.reason)


class HealthChecks:
    """Runs health checks, with a separate task for each endpoint."""

    def __init__(self, resolve: Resolve, sources: Sources = _any_source) -> None:
        self._resolve = resolve
        self._sources = sources
        self._checks: dict[str, Check] = {}
        self._standings: dict[str, Standing] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        # Maps each source address to the HTTP client that sends requests from this address.
        self._http: dict[str, httpx.AsyncClient] = {}

    def configure(self, checks: Iterable[Check]) -> None:
        """Replaces the configuration of all health checks. The field `starts_healthy` of a new or changed health check
        says whether the check begins as healthy. An unchanged health check keeps its state.
        """
        wanted = {check.id: check for check in checks}
        for id in [id for id, check in self._checks.items() if wanted.get(id) != check]:
            del self._checks[id]
            self._standings.pop(id, None)
            if task := self._tasks.pop(id, None):
                task.cancel()
        for id in wanted.keys() - self._checks.keys():
            self._checks[id] = wanted[id]
            if wanted[id].type != "CALCULATED" and not wanted[id].disabled:
                self._standings[id] = Standing(wanted[id].starts_healthy)
                self._tasks[id] = asyncio.create_task(self._watch(wanted[id]))

    async def stop(self) -> None:
        """Stops all probes of endpoints and removes all health checks."""
        tasks = list(self._tasks.values())
        self.configure([])
        await asyncio.gather(*tasks, return_exceptions=True)
        for client in self._http.values():
            await client.aclose()

    def healthy(self, id: str) -> bool:
        """Returns whether DNS answers may contain the records that depend on a health check.

        A health check that does not exist is treated as healthy. A disabled health check is treated as healthy too,
        unless it is inverted.
        """
        check = self._checks.get(id)
        if check is None:
            return True
        if check.disabled:
            good = True
        elif check.type == "CALCULATED":
            good = sum(self.healthy(child) for child in check.children) >= check.threshold
        else:
            good = self._standings[id].healthy
        return good != check.inverted

    def report(self) -> dict[str, dict[str, object]]:
        """Returns a report that maps the id of each Route 53 health check to its state: the endpoint, whether the
        endpoint is healthy, and the reason of the last failure.
        """
        nothing = Standing()
        return {
            id: {
                "endpoint": check.endpoint,
                "healthy": self.healthy(id),
                "reason": self._standings.get(id, nothing).reason,
            }
            for id, check in sorted(self._checks.items())
        }

    async def _watch(self, check: Check) -> None:
        while True:
            before = self._standings[check.id]
            self._standings[check.id] = after = before.after(await self._probe_endpoint(check), check.failures)
            if after.healthy != before.healthy:
                state = "healthy" if after.healthy else f"unhealthy: {after.reason}"
                _log.info("health check %s (%s) is %s", check.id, check.endpoint, state)
            await asyncio.sleep(check.interval)

    async def _probe_endpoint(self, check: Check) -> str:
        """Probes the endpoint of a health check. Returns the reason of the failure, or an empty string after a success.

        The endpoint is healthy if at least one of its addresses answers. Route 53 requires that more than 18 % of its
        health checkers reach the endpoint. The sandbox resolves the endpoint's name at three locations, and each
        location represents a third of the health checkers. An address that answers is therefore enough.

        An accelerator of Global Accelerator can connect the clients of each location to a different server. The probe
        therefore connects to an accelerator's address from all locations. The endpoint is healthy if one of these
        connections succeeds.
        """
        failure = f"{check.name or 'the endpoint'} has no address"
        for address in [check.address] if check.address else self._resolve(check.name):
            for source in self._sources(address):
                try:
                    await self._probe(check, address, source)
                    return ""
                except (Unhealthy, httpx.HTTPError, httpx.InvalidURL, OSError) as error:
                    failure = f"{address}: {str(error) or type(error).__name__}"
        return failure

    async def _probe(self, check: Check, address: str, source: str) -> None:
        port = listening_port(check.port)
        if check.type == "TCP":
            async with asyncio.timeout(_TCP_CONNECT_SECONDS):
                _, writer = await asyncio.open_connection(address, port, local_addr=(source, 0) if source else None)
            writer.close()
            return
        scheme = "https" if check.type.startswith("HTTPS") else "http"
        url = httpx.URL(scheme=scheme, host=address, port=port, raw_path=check.path.encode())
        async with asyncio.timeout(_CONNECT_SECONDS + _RESPONSE_SECONDS):
            await self._request(check, url, source)

    async def _request(self, check: Check, url: httpx.URL, source: str) -> None:
        usual = check.port == (443 if url.scheme == "https" else 80)
        host = check.name or url.host
        headers = {
            "Host": host if usual else f"{host}:{check.port}",
            "User-Agent": "Amazon-Route53-Health-Check-Service (artifact-edge emulation.dns)",
        }
        extensions = {"sni_hostname": check.name} if check.server_name and check.name else {}
        async with self._client(source).stream("GET", url, headers=headers, extensions=extensions) as response:
            if not 200 <= response.status_code < 400:
                raise Unhealthy(f"status {response.status_code}")
            if check.search and check.search.encode() not in await _first_bytes(response):
                raise Unhealthy(f"no {check.search!r} in the first {_SEARCHED_BYTES} bytes")

    def _client(self, source: str) -> httpx.AsyncClient:
        """Returns the HTTP client that sends probes from the given source address. As in Route 53, the health checkers
        do not validate certificates, and they open a new connection for each probe.
        """
        if source not in self._http:
            transport = httpx.AsyncHTTPTransport(
                verify=False,
                trust_env=False,
                limits=httpx.Limits(max_keepalive_connections=0),
                local_address=source or None,
            )
            timeout = httpx.Timeout(_RESPONSE_SECONDS, connect=_CONNECT_SECONDS)
            self._http[source] = httpx.AsyncClient(transport=transport, timeout=timeout, trust_env=False)
        return self._http[source]


async def _first_bytes(response: httpx.Response) -> bytes:
    start = b""
    async for chunk in response.aiter_bytes():
        start += chunk
        if len(start) >= _SEARCHED_BYTES:
            break
    return start[:_SEARCHED_BYTES]
