"""Checks the firewall rules of the emulated Google Cloud, as Compute Engine does (Compute Engine API v1,
"firewalls.insert").
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_LARGEST_PRIORITY = 65535
# For each direction of traffic, the fields that a rule must not have. A rule for incoming connections selects them by
# their sources, and a rule for outgoing connections by their destinations.
_OTHER_SIDE = {"INGRESS": ("destinationRanges",), "EGRESS": ("sourceRanges", "sourceTags")}


def problem_of(rule: Mapping[str, Any]) -> str | None:
    """Returns the reason why Compute Engine refuses a firewall rule, or None."""
    direction = rule.get("direction", "INGRESS")
    if direction not in _OTHER_SIDE:
        return f"Invalid value for field 'direction': '{direction}'"
    misplaced = [name for name in _OTHER_SIDE[direction] if rule.get(name)]
    if misplaced:
        return f"Invalid value for field '{misplaced[0]}': a rule for {direction} traffic cannot have it"
    if bool(rule.get("allowed")) == bool(rule.get("denied")):
        return "Exactly one of 'allowed' and 'denied' must be specified"
    if not 0 <= int(rule.get("priority", 1000)) <= _LARGEST_PRIORITY:
        return f"Invalid value for field 'priority': '{rule['priority']}'. Must be from 0 to {_LARGEST_PRIORITY}"
    return None
