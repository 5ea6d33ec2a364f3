"""Makes failed assertions in tests/support as telling as those in tests."""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite("tests.support")
