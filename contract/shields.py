"""Where a shield machine is reached: its ports, its health check's path and its host names."""

from __future__ import annotations

# Mutual TLS, for the edge alone.
EDGE_PORT = 8443

# Plain HTTP, for the clouds' health checkers alone.
HEALTH_PORT = 8080
HEALTH_PATH = "/healthz"


def host_suffix(zone_name: str) -> str:
    """The part that the host names of all machines in a zone end in."""
    return f".shield.{zone_name}"
