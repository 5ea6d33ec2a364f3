"""Tests that an import stops reading an answer that is too long. A faulty source could otherwise fill the memory or the
disk.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from registry import RegistryError
from registry.importing import apis
from registry.importing.images import RemoteImage, distribution


class Endless:
    """A registry that answers each request with a long body. `sent` is the number of bytes that the client took."""

    def __init__(self) -> None:
        self.sent = 0

    def __call__(self, _: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=self._body())

    def _body(self) -> Iterator[bytes]:
        for _ in range(50):
            self.sent += 10
            yield bytes(10)


def test_a_manifest_that_is_too_long_is_not_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distribution, "_MOST_BYTES", 100)
    registry = Endless()
    http = httpx.Client(transport=httpx.MockTransport(registry))
    source = distribution.SourceRepository(http, RemoteImage("https://up.test", "acme/app"))
    with pytest.raises(RegistryError, match=r"manifests/1\.0: the answer is longer than 100 bytes"):
        source.manifest("1.0")
    assert registry.sent == 110


def test_a_file_that_is_too_long_for_the_origin_is_not_read_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apis, "_LARGEST_FILE", 100)
    monkeypatch.setattr(apis, "_CHUNK", 10)
    registry = Endless()
    with pytest.raises(RegistryError, match=r"up\.test/p\.tgz: is longer than 100 bytes"):
        apis.Api(httpx.MockTransport(registry)).download("https://up.test/p.tgz", tmp_path / "p.tgz")
    assert registry.sent <= 120
