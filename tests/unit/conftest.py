"""Provides fixtures of emulated clouds that run in the test process. Each test gets its own emulated cloud."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests.support.harness import aws_account

# Disables Hypothesis's default deadline of 200 ms for each example. On a busy computer, an example can take longer, and
# the test would fail.
settings.register_profile("any-speed", settings.default, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any-speed")


@pytest.fixture
def aws_cloud() -> Iterator[None]:
    """Provides an empty AWS account, which moto emulates in the test's process."""
    with aws_account():
        yield
