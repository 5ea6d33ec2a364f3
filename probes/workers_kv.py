"""Probes of Workers KV. After a Cloudflare location has read a key, it does not see a change of the key at once. The
probes check this delay. They also check how many keys one bulk read may contain.
"""

from __future__ import annotations

from collections.abc import Iterator

from probes.fact import Fact, Probe
from probes.zone import Zone

_KEYS_AT_ONCE = 100
# A worker script that reads an entry from Workers KV. The URL's query states the key of the entry.
_SCRIPT = """
export default {
  async fetch(request, env) {
    const { pathname, searchParams } = new URL(request.url);
    const value = pathname === "/ready" ? "ready" : await env.VALUES.get(searchParams.get("key"));
    return new Response(value ?? "missing", { headers: { "cache-control": "no-store" } });
  },
};
"""


def _copies(zone: Zone) -> Iterator[Fact]:
    values, namespace = zone.api.kv.namespaces.values, _namespace(zone)
    place = {"account_id": zone.account, "namespace_id": namespace}
    values.update("changed", **place, value=b"old")
    binding = {"type": "kv_namespace", "name": "VALUES", "namespace_id": namespace}
    zone.deploy(_SCRIPT, {"default": False}, cross_version=True, bindings=[binding])
    zone.later(zone.api.workers.scripts.delete, zone.name, account_id=zone.account)
    zone.publish()
    for key, before in (("changed", "old"), ("new", "missing")):
        first = zone.send(f"/value?key={key}").text
        values.update(key, **place, value=b"new")
        second = zone.send(f"/value?key={key}").text
        what = "a key that it did not find" if key == "new" else "a value that it has read"
        text = f"a location that has kept {what} does not see a change at once"
        yield Fact(text, (first, second) == (before, before), f"{first}, then {second}")


def _kv_limits(zone: Zone) -> Iterator[Fact]:
    namespaces, namespace = zone.api.kv.namespaces, _namespace(zone)
    for count, is_accepted in ((_KEYS_AT_ONCE, True), (_KEYS_AT_ONCE + 1, False)):
        keys = [f"key-{number}" for number in range(count)]
        code = zone.refusal(namespaces.bulk_get, namespace, account_id=zone.account, keys=keys)
        verb = "accepts" if is_accepted else "refuses"
        yield Fact(f"Workers KV {verb} a bulk read of {count} keys", (code == "accepted") == is_accepted, code)


def _namespace(zone: Zone) -> str:
    """Creates an empty namespace of Workers KV and returns its ID. The namespace is deleted when the probe ends."""
    namespaces = zone.api.kv.namespaces
    namespace = str(namespaces.create(account_id=zone.account, title=zone.name).id)
    zone.later(namespaces.delete, namespace, account_id=zone.account)
    return namespace


PROBES = (
    Probe("workers-kv-copies", 'Workers KV, "How KV works": Consistency', _copies),
    Probe("workers-kv-limits", 'Cloudflare API Reference, "Get multiple KV pairs"', _kv_limits),
)
