"""Ports, health check path and host names of shield machines."""

from __future__ import annotations

# Mutual TLS, for the edge alone.
EDGE_PORT = 8443

# Plain HTTP, for the clouds' health checkers alone.
HEALTH_PORT = 8080
HEALTH_PATH = "/healthz"


def host_suffix(zone_name: str) -> str:
    """Returns the suffix of the host names of all machines in a zone."""
    return f".shield.{zone_name}"
