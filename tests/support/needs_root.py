"""Skips tests of emulated machines that only root may run."""

from __future__ import annotations

import os

import pytest

needs_root = pytest.mark.skipif(
    os.geteuid() != 0, reason="only root may run a machine with users and a mount namespace of its own"
)
