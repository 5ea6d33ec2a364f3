"""Paths in this checkout of the repository. The emulated clouds do not import this module. Commands pass the paths as
arguments to the emulated clouds.
"""

from __future__ import annotations

from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]

# The directory of the sandbox (the emulated clouds on this machine) that `make up` starts.
SANDBOX_DIRECTORY = CHECKOUT / ".sandbox"
