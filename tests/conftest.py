"""Settings for all tests: pytest explains failed assertions in tests/support, and garbage collection is rarer."""

from __future__ import annotations

import gc

import pytest

pytest.register_assert_rewrite("tests.support")

# The SDKs of Pulumi and the clouds create millions of objects that live until the process ends. Garbage collection
# at Python's default thresholds took a fifth of the tests' time.
gc.set_threshold(50_000, 20, 50)


def pytest_collection_finish() -> None:
    """Excludes all objects that the imports of the tests created from later garbage collection."""
    gc.collect()
    gc.freeze()
