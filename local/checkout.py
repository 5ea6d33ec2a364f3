"""Paths in this checkout of the repository. The emulated clouds do not import this module, so that they do not depend
on the layout of the checkout. Commands pass the paths to them as arguments.
"""

from __future__ import annotations

from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]

# The directory of the sandbox (the emulated clouds on this machine) that `make up` starts.
SANDBOX_DIRECTORY = CHECKOUT / ".sandbox"
