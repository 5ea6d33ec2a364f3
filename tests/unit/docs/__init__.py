"""Tests that the documentation agrees with the code."""

from __future__ import annotations

from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[3]
DOCS = CHECKOUT / "docs"
