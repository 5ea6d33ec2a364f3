"""AWS Global Accelerator, which moto 5.2 lacks: accelerators, listeners and endpoint groups, as another service of it.

The modules have the names and shapes in which moto looks for a service. Nothing is routed here: where an accelerator's
name leads to is the world's DNS's matter (local/dns/accelerators.py).
"""

from __future__ import annotations

import re
import sys
from typing import Any, cast

import moto.backend_index

from local.aws.accelerators.models import globalaccelerator_backends

__all__ = ["emulate", "globalaccelerator_backends"]

_SERVICE = "globalaccelerator"


def emulate() -> None:
    """Makes the service one of moto's from now on, in process and served."""
    services = cast("list[tuple[str, Any]]", moto.backend_index.backend_url_patterns)
    if all(name != _SERVICE for name, _ in services):
        sys.modules[f"moto.{_SERVICE}"] = sys.modules[__name__]
        services.append((_SERVICE, re.compile(r"https?://globalaccelerator\.(.+)\.amazonaws\.com")))
