"""Checks the boot disk of a new machine in the emulated Compute Engine: whether the machine's series supports the type
of the disk, and whether the disk's image has cloud-init.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

# The project of Canonical's images of Ubuntu, which have cloud-init (Ubuntu on Google Cloud, "Launch an Ubuntu VM").
# Google's images of Debian have no cloud-init (andsens/bootstrap-vz, issue 469), and ignore user data.
_WITH_CLOUD_INIT = "ubuntu-os-cloud"
# The type of a boot disk if the request names no type (Compute Engine API, "instances.insert").
_DEFAULT_TYPE = "pd-standard"
_PERSISTENT = frozenset({"pd-balanced", "pd-ssd"})
_HYPERDISK = frozenset({"hyperdisk-balanced"})
# Maps a machine series to the types of boot disks that it supports (Compute Engine, "Choose a disk type": Machine type
# support). A series that is not listed supports all types.
_TYPES: Mapping[str, frozenset[str]] = {
    "c3": _PERSISTENT | _HYPERDISK,
    "c3d": _PERSISTENT | _HYPERDISK,
    "c4": _HYPERDISK,
    "c4a": _HYPERDISK,
    "c4d": _HYPERDISK,
    "g2": _PERSISTENT,
    "z3": _PERSISTENT | _HYPERDISK,
}


def problem_of(machine: Mapping[str, Any]) -> str | None:
    """Checks whether a new machine can boot from a disk of the type in the request. The possible types depend on the
    machine's series. Returns the error message of Compute Engine if the machine cannot boot from the disk, and
    otherwise None.
    """
    series = _last_part(str(machine.get("machineType", ""))).split("-")[0]
    kind = _last_part(_boot_parameters(machine).get("diskType", _DEFAULT_TYPE))
    possible = kind in _TYPES.get(series, {kind})
    return None if possible else f"[{kind}] features are not compatible for creating instance."


def runs_cloud_init(machine: Mapping[str, Any]) -> bool:
    """Returns whether a machine's image has cloud-init, which applies the user data."""
    return _boot_parameters(machine).get("sourceImage", "").startswith(f"{_WITH_CLOUD_INIT}/")


def _last_part(url: str) -> str:
    """Returns the last part of a URL: `c3-standard-4` for `zones/us-east1-b/machineTypes/c3-standard-4`. Clients of the
    API name a type by its URL (Compute Engine API, "instances.insert"). The emulated provider sends only the name.
    """
    return url.rpartition("/")[2]


def _boot_parameters(machine: Mapping[str, Any]) -> Mapping[str, str]:
    boot: list[Mapping[str, Any]] = [disk for disk in machine.get("disks", ()) if disk.get("boot")]
    return cast(Mapping[str, str], boot[0].get("initializeParams", {}) if boot else {})
