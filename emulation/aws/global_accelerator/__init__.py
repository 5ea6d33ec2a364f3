"""Adds AWS Global Accelerator, which moto 5.2 lacks, to moto: the control plane of standard accelerators.

moto imports each service as the package `moto.<service>`, so `add_service` makes this package importable as
`moto.globalaccelerator`. The modules of this package have the names that moto expects in the package of a service.
"""

from __future__ import annotations

import ipaddress
import itertools
import re
import sys

from moto import backend_index

from emulation.aws.global_accelerator import models
from emulation.aws.global_accelerator.models import globalaccelerator_backends
from emulation.aws.global_accelerator.urls import url_bases

__all__ = ["add_service", "globalaccelerator_backends"]

_SERVICE = "globalaccelerator"


def add_service(network: str | None = None) -> None:
    """Makes moto serve Global Accelerator. With `network`, accelerators get their static addresses from this network,
    one after the other. Without it, the addresses are in the documentation network 198.51.100.0/24.
    """
    sys.modules.setdefault(f"moto.{_SERVICE}", sys.modules[__name__])
    if all(name != _SERVICE for name, _ in backend_index.backend_url_patterns):
        backend_index.backend_url_patterns.extend((_SERVICE, re.compile(base)) for base in url_bases)
    if network is not None:
        models.static_addresses = itertools.cycle([str(host) for host in ipaddress.ip_network(network).hosts()])
