"""Slow work of libraries that unit tests need again and again, done once for all of them."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from functools import cache
from typing import Any

import pytest
from botocore.loaders import JSONFileLoader
from joserfc.jwk import RSAKey


@contextmanager
def made_once() -> Generator[None]:
    """Keeps the descriptions of AWS services, of which each test's boto3 session parses megabytes, and one RSA key.

    The key is that of the emulated Google Cloud: 2048 bits take longer to find than most tests run. An emulated cloud
    still reads its key from its own store.
    """
    load, generate, import_key = JSONFileLoader.load_file, RSAKey.generate_key, RSAKey.import_key
    descriptions: dict[str, Any] = {}
    imported: dict[tuple[bytes, str], RSAKey] = {}

    def load_once(loader: JSONFileLoader, file_path: str) -> Any:
        if file_path not in descriptions:
            descriptions[file_path] = load(loader, file_path)
        return descriptions[file_path]

    def import_once(value: Any, parameters: Any = None, *more: Any) -> RSAKey:
        known = (value, repr(parameters))
        if more or not isinstance(value, bytes):
            return import_key(value, parameters, *more)
        if known not in imported:
            imported[known] = import_key(value, parameters)
        return imported[known]

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(JSONFileLoader, "load_file", load_once)
        patched.setattr(RSAKey, "generate_key", cache(generate))
        patched.setattr(RSAKey, "import_key", import_once)
        yield
