"""Provides fixtures for imports from emulated image registries. After a failed request, these imports try again without
a wait.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from registry.catalog.audit import By
from registry.importing import retries
from registry.importing.apis import Api
from registry.importing.images.carry import ImageRegistries
from registry.importing.journal import Journal
from registry.importing.pipeline import Import, Imported
from registry.importing.sources import Sources
from tests.support.image_registry import Images
from tests.support.image_source import HOST, ImageSource
from tests.support.registry import Network, network

__all__ = ["network"]


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Makes imports retry failed requests without a pause. Returns a list of the pauses in seconds, to which each retry
    adds the pause that it has skipped.
    """
    waits: list[float] = []
    monkeypatch.setattr(retries, "sleep", waits.append)
    return waits


@pytest.fixture
def images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Images:
    """Provides a directory in which a test makes images. Also hides the computer's own image registry credentials from
    the test.
    """
    monkeypatch.setenv("REGISTRY_AUTH_FILE", str(tmp_path / "auth.json"))
    return Images(tmp_path / "images")


@pytest.fixture
def importing(network: Network, tmp_path: Path) -> Any:
    """Provides a function that imports the image team/app from an emulated registry."""

    def run(source: ImageSource, tag: str = "1.0", *, all_versions: bool = False) -> Imported:
        registries = ImageRegistries(httpx.MockTransport(source))
        sources = Sources(Api(), registries, tmp_path, "", "", all_versions)
        journal = Journal(tmp_path / "journal")
        named = f"oci:{HOST}/team/app" + ("" if all_versions else f":{tag}")
        try:
            by = By("importer", "", "import")
            run = Import(network.target, by, journal, Api(), registries, workers=3, report=lambda _: None)
            return run.run(sources.of(named))
        finally:
            journal.close()

    return run
