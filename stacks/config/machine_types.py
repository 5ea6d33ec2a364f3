"""Lists the machine types of EC2 and Compute Engine that have local NVMe disks, which shields need."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import botocore.session

# EC2 instance types with local NVMe disks: storage-optimized families, and families whose name has a `d` (EC2 User
# Guide, "Instance type naming conventions").
NVME_OF_EC2 = re.compile(r"(i[3-9]\w*|im\d+gn|is\d+gen|[cmrxz]\d+[a-z]*d[a-z]*)\.\w+")

# Machine types of Compute Engine that include local SSDs, or that support local SSDs as an option ("About Local SSD
# disks", and "General-purpose machine family"). The name of a type, such as `c3-standard-8-lssd`, has three parts: a
# prefix, the number of virtual processors, and an optional suffix. _OF_GCE maps each prefix to the possible numbers of
# processors and to the suffix. Google's SDKs have no list of machine types.
_N1 = "2 4 8 16 32 64 96"
_N2 = "2 4 8 16 32 48 64 80 96"
_C3, _C3D = "4 8 22 44 88 176", "8 16 30 60 90 180 360"
_C4, _C4A, _C4D = "4 8 16 24 32 48 96 144 192 288", "4 8 16 32 48 64 72", "8 16 32 48 64 96 192 384"
_OF_GCE: Mapping[str, tuple[str, str]] = {
    "n1-standard": (f"1 {_N1}", ""),
    "n1-highmem": (_N1, ""),
    "n1-highcpu": (_N1, ""),
    "n2-standard": (f"{_N2} 128", ""),
    "n2-highmem": (f"{_N2} 128", ""),
    "n2-highcpu": (_N2, ""),
    "n2d-standard": (f"{_N2} 128 224", ""),
    "n2d-highmem": (_N2, ""),
    "n2d-highcpu": (f"{_N2} 128 224", ""),
    "c3-standard": (_C3, "-lssd"),
    "c3d-standard": (_C3D, "-lssd"),
    "c3d-highmem": (_C3D, "-lssd"),
    "c4-standard": (_C4, "-lssd"),
    "c4-highmem": (_C4, "-lssd"),
    "c4a-standard": (_C4A, "-lssd"),
    "c4a-highmem": (_C4A, "-lssd"),
    "c4d-standard": (_C4D, "-lssd"),
    "c4d-highmem": (_C4D, "-lssd"),
    "g2-standard": ("4 8 12 16 24 32 48 96", ""),
}
# The numbers of virtual processors of Compute Engine's Z3 machine types, by disk size. A type such as
# `z3-highmem-14-standardlssd` has its disk size at the end of its name ("Storage-optimized machine family").
_Z3: Mapping[str, str] = {"standardlssd": "14 22 44 88 176", "highlssd": "8 16 22 32 36 44 72 88"}


@cache
def ec2_types() -> frozenset[str]:
    shape: Any = botocore.session.get_session().get_service_model("ec2").shape_for("InstanceType")
    return frozenset(shape.enum)


@cache
def gce_types() -> frozenset[str]:
    """Returns the machine types of Compute Engine that can have local SSDs."""
    return frozenset(_gce_types())


def _gce_types() -> Iterator[str]:
    for kind, (sizes, suffix) in _OF_GCE.items():
        yield from (f"{kind}-{size}{suffix}" for size in sizes.split())
    for disks, sizes in _Z3.items():
        yield from (f"z3-highmem-{size}-{disks}" for size in sizes.split())


def pattern() -> str:
    """Returns a regular expression with which editors check machine types. The expression matches all types with local
    NVMe disks on both clouds, and also some names that no cloud has.
    """
    numbered = "|".join(sorted(f"{kind}-\\d+{suffix}" for kind, (_, suffix) in _OF_GCE.items()))
    return f"^({NVME_OF_EC2.pattern}|{numbered}|z3-highmem-\\d+-({'|'.join(_Z3)}))$"
