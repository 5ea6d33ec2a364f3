"""Slow work of libraries that unit tests need again and again, done once for all of them."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import pytest
from botocore.loaders import JSONFileLoader


@contextmanager
def made_once() -> Generator[None]:
    """Keeps the descriptions of AWS services, of which each test's boto3 session would parse megabytes."""
    load = JSONFileLoader.load_file
    descriptions: dict[str, Any] = {}

    def load_once(loader: JSONFileLoader, file_path: str) -> Any:
        if file_path not in descriptions:
            descriptions[file_path] = load(loader, file_path)
        return descriptions[file_path]

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(JSONFileLoader, "load_file", load_once)
        yield
