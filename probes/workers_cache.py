"""Probes Workers Cache: what it stores, for how long, and what a purge removes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlencode

import httpx

from probes.fact import Fact, Probe
from probes.zone import Zone

SCRIPT = Path(__file__).with_name("workers_cache.js")
ENTRYPOINTS = {"default": False, "Cached": True, "Other": True}
# The maximum length of a cache tag, in characters. Workers Cache drops longer tags.
_TAG_MAX = 1024
_SIMULTANEOUS = 5
# The entrypoint `Cached` of the probe's worker waits for this number of milliseconds before it answers. All requests
# that the probe sends at the same time therefore arrive before the first answer.
_DELAY_MILLISECONDS = 500


def _workers_cache(zone: Zone) -> Iterator[Fact]:
    source = SCRIPT.read_text()
    zone.deploy(source, ENTRYPOINTS, cross_version=True)
    zone.later(zone.api.workers.scripts.delete, zone.name, account_id=zone.account)
    zone.publish()
    first, second = zone.send("/same"), zone.send("/same", headers={"x-probe-host": "another"})
    yield _fact("the cached entrypoint is called once for two requests of a path", _is_same(first, second), second)
    yield _fact("clients see no Cache-Tag", "cache-tag" not in zone.send("/tagged?cache-tag=a").headers, second)
    with ThreadPoolExecutor(_SIMULTANEOUS) as pool:
        misses = list(pool.map(zone.send, [f"/slow?x-delay={_DELAY_MILLISECONDS}"] * _SIMULTANEOUS))
    are_one = all(_is_same(misses[0], miss) for miss in misses)
    yield _fact("simultaneous misses of a path are one call of the cached entrypoint", are_one, misses[-1])
    methods = [zone.send("/method") for _ in range(2)]
    yield _fact("calls of other methods than fetch() bypass the cache", methods[0].text != methods[1].text, methods[1])
    yield from _ranges(zone)
    yield from _not_stored(zone)
    yield from _precedence(zone)
    lasting = [zone.send("/silent?cache-control=") for _ in range(2)]
    yield _fact("a response without a lifetime is stored", _is_same(*lasting), lasting[1])
    empty = [zone.send("/empty?x-empty=1", headers={"range": f"bytes={first}-"}) for first in (0, 5)]
    yield _fact("a 204 response with a lifetime is stored, also for requests with Range", _is_same(*empty), empty[1])
    yield from _lifetimes(zone)
    yield from _purges(zone)
    before = zone.send("/versions")
    zone.deploy(f"{source}\n// another version\n", ENTRYPOINTS, cross_version=True)
    after = zone.send("/versions")
    yield _fact("versions share the cache with cross_version_cache", _is_same(before, after), after)


def _lifetimes(zone: Zone) -> Iterator[Fact]:
    path = "/brief?cache-control=max-age%3D2"
    first, second = zone.send(path), zone.send(path)
    yield _fact("a response with max-age=2 is stored", _is_same(first, second), second)
    zone.until(lambda: not _is_same(first, zone.send(path)), f"{path} does not expire")
    yield _fact("it is fetched again after its lifetime", True, second)
    path = "/stale?cache-control=max-age%3D1,stale-if-error%3D600"
    before = zone.send(path)
    # The entrypoint of the probe's worker fails when a request has the header `x-fail`. While a cached copy is fresh,
    # the cache answers and does not call the entrypoint. The probe therefore waits until the copy is stale. The cache
    # then calls the entrypoint and gets the error.
    zone.until(
        lambda: (zone.send(path, headers={"x-fail": "1"})).headers.get("cf-cache-status") != "HIT", "no copy expires"
    )
    after = zone.send(path, headers={"x-fail": "1"})
    yield _fact("a stale copy is served while the entrypoint fails", _is_same(before, after), after)


def _ranges(zone: Zone) -> Iterator[Fact]:
    part = zone.send("/range", headers={"range": "bytes=2-4"})
    yield _fact("a range is cut from the whole response", (part.status_code, part.text) == (206, "234"), part)
    yield _fact("the cached entrypoint receives no Range header", part.headers.get("x-range") == "none", part)
    head, get = zone.send("/head", "HEAD"), zone.send("/head")
    yield _fact("a HEAD request fills the cache", _is_same(head, get), get)


def _not_stored(zone: Zone) -> Iterator[Fact]:
    sets: tuple[tuple[str, Mapping[str, str]], ...] = (
        ("Set-Cookie", {"set-cookie": "a=b"}),
        ("Cache-Control: private", {"cache-control": "private, max-age=60"}),
        ("Cache-Control: no-store", {"cache-control": "no-store"}),
        ("Vary: *", {"vary": "*"}),
    )
    for text, headers in sets:
        path = f"/refused?{urlencode(headers)}"
        answers = [zone.send(path) for _ in range(2)]
        yield _fact(f"a response with {text} is not stored", not _is_same(*answers), answers[1])
    path = f"/authorized?{urlencode({'cache-control': 'max-age=60'})}"
    answers = [zone.send(path, headers={"authorization": "Bearer any"}) for _ in range(2)]
    yield _fact("an answer to Authorization is not stored without `public`", not _is_same(*answers), answers[1])


def _precedence(zone: Zone) -> Iterator[Fact]:
    caching = {"cache-control": "private, max-age=5", "cloudflare-cdn-cache-control": "public, max-age=60"}
    path = f"/precedence?{urlencode(caching)}"
    before, after = zone.send(path), zone.send(path)
    yield _fact("the cache obeys Cloudflare-CDN-Cache-Control before Cache-Control", _is_same(before, after), after)
    seen = after.headers.get("cache-control") == caching["cache-control"]
    is_removed = "cloudflare-cdn-cache-control" not in after.headers
    yield _fact("a caller gets Cache-Control, and not the cache's own header", seen and is_removed, after)


def _purges(zone: Zone) -> Iterator[Fact]:
    path = "/purged?cache-tag=Some-Tag"
    before, kept = zone.send(path), zone.send("/kept?cache-tag=other-tag")
    zone.send("/purge?tag=some-tag&entrypoint=Other", "POST")
    other = zone.send(path)
    yield _fact("a purge of another entrypoint removes nothing", _is_same(before, other), other)
    zone.purge(path)
    other = zone.send(path)
    yield _fact("a purge of the zone removes nothing from Workers Cache", _is_same(before, other), other)
    zone.send("/purge?tag=some-tag&entrypoint=Cached", "POST")
    after = zone.send(path)
    yield _fact("a purge removes the responses with the tag, in any case", not _is_same(before, after), after)
    tag = "x" * (_TAG_MAX + 1)
    before = zone.send(path := f"/long?cache-tag={tag}")
    zone.send(f"/purge?tag={tag}&entrypoint=Cached", "POST")
    after = zone.send(path)
    yield _fact("a tag of 1,025 characters is dropped", _is_same(before, after), after)
    yield _fact("a purge keeps other responses", _is_same(kept, again := zone.send("/kept?cache-tag=other-tag")), again)


def _is_same(first: httpx.Response, second: httpx.Response) -> bool:
    """Returns whether the response `second` is a cached copy of the response `first`. The worker sets a new id in the
    header `x-call` of each response that it makes. A cached copy has the id of the original response.
    """
    return "x-call" in first.headers and first.headers["x-call"] == second.headers.get("x-call")


def _fact(text: str, holds: bool, answer: httpx.Response) -> Fact:
    status = answer.headers.get("cf-cache-status", "missing")
    return Fact(text, holds, f"{answer.status_code}, CF-Cache-Status {status}")


PROBES = (Probe("workers-cache", 'Cloudflare, "Workers Cache"', _workers_cache),)
