"""Checks the time sources in the chrony configuration of a machine.

On EC2, a machine can reach the Amazon Time Sync Service without a rule in its security group (EC2 User Guide, "Set the
time reference on your EC2 instance to use the local Amazon Time Sync Service"). Other time servers need a rule, and the
project's machines have no such rule. Compute Engine advises against time servers other than its own ("Configure NTP on
a VM").
"""

from __future__ import annotations

from collections.abc import Iterator

# The time servers that EC2 and Compute Engine offer to machines.
ON_EC2 = frozenset({"169.254.169.123"})
ON_COMPUTE_ENGINE = frozenset({"metadata.google.internal"})


class ClockError(Exception):
    """Raised when a machine has no time source, or has a time source that it cannot rely on. The error's message states
    the problem.
    """


def check_sources(config: str, reachable: frozenset[str]) -> None:
    """Raises ClockError if chrony has no time source, or has a time source that `reachable` does not list."""
    found = list(_sources(config))
    if not found:
        raise ClockError("chrony has no time source")
    for source in found:
        if source not in reachable:
            raise ClockError(f"the machine cannot rely on the time source {source}; it has {', '.join(reachable)}")


def _sources(config: str) -> Iterator[str]:
    """Yields the time sources that a chrony.conf names (chrony, "chrony.conf(5)": server, pool, peer)."""
    for line in config.splitlines():
        words = line.split()
        match words:
            case ["server" | "pool" | "peer", source, *_]:
                yield source
            case ["sourcedir" | "confdir" | "include", *_]:
                raise ClockError(f"{words[0]} in chrony.conf lets other files name time sources")
            case _:
                pass
