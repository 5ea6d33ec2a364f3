"""Probe of the rate limiting bindings of workers. Checks which settings Cloudflare accepts for a binding. Also checks
that a binding counts the calls of each key separately.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from probes.fact import Fact, Probe
from probes.zone import Zone

_LIMIT = 2
# The number of calls that the probe makes. It is much higher than the rate limit of the binding, because Cloudflare
# lets some calls above the limit pass (Workers, "Rate Limiting": "Accuracy").
_CALLS = 50
_SCRIPT = """
export default {
  async fetch(request, env) {
    const { pathname, searchParams } = new URL(request.url);
    if (pathname === "/ready") return new Response("ready");
    const { success } = await env.LIMIT.limit({ key: searchParams.get("key") });
    return new Response(String(success), { headers: { "cache-control": "no-store" } });
  },
};
"""


def _bindings(zone: Zone) -> Iterator[Fact]:
    zone.later(zone.api.workers.scripts.delete, zone.name, account_id=zone.account)
    zone.deploy(_SCRIPT, {"default": False}, cross_version=True, bindings=[_binding()])
    zone.publish()
    for text, binding in (
        ("a period of 30 s", _binding(period=30)),
        ("a namespace_id that is no number", _binding(namespace="other")),
    ):
        code = zone.deploy_refusal(_SCRIPT, [binding])
        yield Fact(f"a rate limiting binding with {text} is refused", code != "accepted", code)
    allowed = [zone.send("/limit?key=a").text for _ in range(_CALLS)]
    observed = f"{allowed.count('true')} of {_CALLS} calls allowed"
    yield Fact(f"a binding with the limit {_LIMIT} refuses some of {_CALLS} calls", "false" in allowed, observed)
    other = zone.send("/limit?key=b").text
    yield Fact("another key has a counter of its own", other == "true", other)


def _binding(*, period: int = 60, namespace: str = "2001") -> Mapping[str, Any]:
    simple = {"limit": _LIMIT, "period": period}
    return {"type": "ratelimit", "name": "LIMIT", "namespace_id": namespace, "simple": simple}


PROBES = (Probe("workers-rate-limits", 'Cloudflare Workers, "Rate Limiting": Configuration', _bindings),)
