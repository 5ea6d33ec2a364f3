"""Tests imports from image registries whose responses violate the specification or are unusual. Examples are tag lists
without an end, interrupted downloads, compressed responses, and rare forms of authentication challenges.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from tests.support.image_registry import MANIFEST, Images
from tests.support.image_source import ImageSource
from tests.support.images import CONFIG, LAYER
from tests.support.registry import Network, network, on_s3_only

__all__ = ["network"]

pytestmark = on_s3_only

CONTENT = bytes(range(256)) * 20
Answer = Callable[[httpx.Request], httpx.Response]


class Faulty:
    """Emulates an image registry that answers some requests incorrectly at first.

    `faults` maps a pattern of URLs to a list of answers. The registry gives these answers to the first matching
    requests. `ranges` lists the Range headers of the requests for the image's layer.
    """

    def __init__(self, images: Images, faults: dict[str, list[Answer]]) -> None:
        self.layer = images.blob(CONTENT, f"{LAYER}+gzip")
        config = images.blob(b'{"os":"linux"}', CONFIG)
        content = {"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [self.layer]}
        top = images.blob(json.dumps(content).encode(), MANIFEST)
        self._source = ImageSource(images, {"1.0": top})
        self._faults = faults
        self.ranges: list[str | None] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if self.layer["digest"] in str(request.url):
            self.ranges.append(request.headers.get("range"))
        for pattern, answers in self._faults.items():
            if answers and re.search(pattern, str(request.url).replace(self.layer["digest"], "LAYER")):
                return answers.pop(0)(request)
        return self._source(request)


def layer_of(network: Network, source: Faulty) -> bytes:
    return network.get(f"oci/blobs/team/app/{source.layer['digest'].replace(':', '/')}")


def broken(end: int) -> Answer:
    """Returns a response to a request for a layer. The connection breaks after `end` bytes of the layer."""

    def body() -> Iterator[bytes]:
        yield CONTENT[:end]
        raise httpx.ReadError("gone")

    return lambda _: httpx.Response(200, content=body())


def part(first: int, start: int | None = None) -> Answer:
    """Returns a 206 response with a part of the layer. According to its header Content-Range, the part begins at
    position `first`. If `start` is given, the part really begins at position `start`, and the header is wrong.
    """
    headers = {"content-range": f"bytes {first}-{len(CONTENT) - 1}/{len(CONTENT)}"}
    return lambda _: httpx.Response(206, headers=headers, content=CONTENT[first if start is None else start :])


def status(code: int) -> Answer:
    return lambda _: httpx.Response(code)


@pytest.mark.parametrize(
    ("answers", "ranges"),
    [
        ([broken(1000), part(1000)], [None, "bytes=1000-"]),
        # The connection breaks after all bytes of the layer have arrived. The import needs no second request for the
        # layer.
        ([broken(len(CONTENT))], [None]),
        ([broken(1000), status(416)], [None, "bytes=1000-", None]),
        # A storage host with signed URLs may answer 400 to a range request. The import must then request the whole
        # layer.
        ([broken(1000), status(400)], [None, "bytes=1000-", None]),
        ([broken(1000), part(0)], [None, "bytes=1000-", None]),
        ([broken(1000), status(503), part(1000)], [None, "bytes=1000-", "bytes=1000-"]),
    ],
)
def test_a_broken_download_continues_or_starts_again(
    network: Network, importing: Any, images: Images, answers: list[Answer], ranges: list[str | None]
) -> None:
    source = Faulty(images, {"blobs/LAYER": [*answers]})
    imported = importing(source)
    assert (imported.failed, source.ranges, layer_of(network, source)) == ([], ranges, CONTENT)


@pytest.mark.parametrize("coding", ["gzip", "x-gzip", "deflate"])
def test_a_layer_is_not_decoded_although_the_host_declares_a_coding(
    network: Network, importing: Any, images: Images, coding: str
) -> None:
    def coded(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, stream=httpx.ByteStream(CONTENT), headers={"content-encoding": coding})

    source = Faulty(images, {"blobs/LAYER": [coded] * 9})
    assert importing(source).failed == []
    assert layer_of(network, source) == CONTENT


def test_a_list_of_tags_that_never_ends_fails_by_name(importing: Any, images: Images) -> None:
    link = {"link": '</v2/team/app/tags/list?n=1000>; rel="next"'}
    endless: list[Answer] = [lambda _: httpx.Response(200, headers=link, json={"tags": ["1.0"]})] * 9
    imported = importing(Faulty(images, {"tags/list": endless}), all_versions=True)
    ((title, reason),) = imported.failed
    assert title == "https://up.test/team/app"
    assert "the list never ends" in reason


class WithTokens:
    """An image registry that requires tokens. Its challenge contains the given scope. `scopes` records the scopes that
    a client requests.
    """

    def __init__(self, source: Faulty, scope: str, outages: list[int]) -> None:
        self._source = source
        self._scope = scope
        self._outages = outages
        self.scopes: list[str] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.host == "tokens.test":
            if self._outages:
                return httpx.Response(self._outages.pop(0))
            self.scopes.append(request.url.params["scope"])
            return httpx.Response(200, json={"token": "t"})
        if request.headers.get("authorization") != "Bearer t":
            challenge = f'Bearer realm="https://tokens.test/get",service="up.test"{self._scope}'
            return httpx.Response(401, headers={"www-authenticate": challenge})
        return self._source(request)


@pytest.mark.parametrize(
    ("scope", "requested"),
    [
        (',scope="repository:team/app:pull"', "repository:team/app:pull"),
        (',scope="repository:mirror/team/app:pull"', "repository:mirror/team/app:pull"),
        (',scope="aws"', "repository:team/app:pull"),
        ("", "repository:team/app:pull"),
    ],
)
def test_the_challenge_says_which_scope_to_request(importing: Any, images: Images, scope: str, requested: str) -> None:
    source = WithTokens(Faulty(images, {}), scope, [])
    assert importing(source).failed == []
    assert set(source.scopes) == {requested}


def test_a_token_endpoint_that_is_overloaded_is_asked_again(importing: Any, images: Images, waits: list[float]) -> None:
    source = WithTokens(Faulty(images, {}), "", [429, 503])
    assert importing(source).failed == []
    assert waits == [1.0, 2.0]


def test_a_token_endpoint_that_stays_overloaded_is_named_by_its_status(importing: Any, images: Images) -> None:
    imported = importing(WithTokens(Faulty(images, {}), "", [429] * 99))
    assert imported.failed[0][1].endswith("cannot be fetched: 429")


@pytest.mark.parametrize("link", ["http://up.test", "https://elsewhere.test", ""])
def test_the_next_page_of_a_list_is_read_from_the_registry_itself(importing: Any, images: Images, link: str) -> None:
    """Tests that the import reads all pages of a list from the registry's own scheme and host. The link to the next
    page may contain a different scheme or host.
    """
    asked: list[str] = []

    def first_page(request: httpx.Request) -> httpx.Response:
        following = {"link": f'<{link}/v2/team/app/tags/list?last=0.9&n=1000>; rel="next"'}
        return httpx.Response(200, headers=following, json={"tags": []})

    source = Faulty(images, {r"tags/list\?n=1000$": [first_page] * 9})

    def recorded(request: httpx.Request) -> httpx.Response:
        asked.append(str(request.url))
        return source(request)

    imported = importing(recorded, all_versions=True)
    assert (imported.failed, imported.new) == ([], 1)
    assert {url.split("/v2/")[0] for url in asked} == {"https://up.test"}
    assert "https://up.test/v2/team/app/tags/list?last=0.9&n=1000" in asked


@pytest.mark.parametrize(
    "challenge",
    [
        'Bearer realm="https://tokens.test/get",error=,service="up.test"',
        'Bearer realm="https://tokens.test/get",error="",service="up.test"',
        'Bearer realm = "https://tokens.test/get" , service = "up.test"',
        'Bearer Realm="https://tokens.test/get",Service="up.test"',
        "Bearer realm=https://tokens.test/get,service=up.test",
    ],
)
def test_a_challenge_may_have_empty_values_spaces_and_capital_letters(
    importing: Any, images: Images, challenge: str
) -> None:
    services: list[str] = []
    source = Faulty(images, {})

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.host == "tokens.test":
            services.append(request.url.params["service"])
            return httpx.Response(200, json={"token": "t"})
        if request.headers.get("authorization") != "Bearer t":
            return httpx.Response(401, headers={"www-authenticate": challenge})
        return source(request)

    assert importing(answer).failed == []
    assert set(services) == {"up.test"}


@pytest.mark.parametrize("stripped", ["docker-content-digest", "content-type", "content-length"])
def test_headers_that_a_proxy_strips_are_not_needed(importing: Any, images: Images, stripped: str) -> None:
    source = Faulty(images, {})

    def without(request: httpx.Request) -> httpx.Response:
        answer = source(request)
        answer.headers.pop(stripped, None)
        return answer

    imported = importing(without, all_versions=True)
    assert (imported.failed, imported.new) == ([], 1)
