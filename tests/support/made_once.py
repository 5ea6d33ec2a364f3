"""Caches botocore's descriptions of AWS services, which boto3 would otherwise load again in each unit test."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import pytest
from botocore.loaders import JSONFileLoader


@contextmanager
def made_once() -> Generator[None]:
    """Caches botocore's descriptions of AWS services in the test process.

    Without the cache, each test's boto3 session parses megabytes of JSON.
    """
    load = JSONFileLoader.load_file
    descriptions: dict[str, Any] = {}

    def load_once(loader: JSONFileLoader, file_path: str) -> Any:
        if file_path not in descriptions:
            descriptions[file_path] = load(loader, file_path)
        return descriptions[file_path]

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(JSONFileLoader, "load_file", load_once)
        yield
