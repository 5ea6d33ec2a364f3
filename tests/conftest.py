"""What holds for all tests: assertions in tests/support are as telling as those in tests, and Python collects less."""

from __future__ import annotations

import gc

import pytest

pytest.register_assert_rewrite("tests.support")

# Pulumi's and the clouds' SDKs are millions of objects that live to the end. Looking through them for garbage at
# Python's own pace took a fifth of the tests' time.
gc.set_threshold(50_000, 20, 50)


def pytest_collection_finish() -> None:
    """Takes all that the imports of the tests made out of the collector's sight."""
    gc.collect()
    gc.freeze()
