"""Paths of this checkout. The emulated clouds do not know them; commands hand them in."""

from __future__ import annotations

from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]

# The directory of the environment that `make up` brings up.
SANDBOX_DIRECTORY = CHECKOUT / ".sandbox"
