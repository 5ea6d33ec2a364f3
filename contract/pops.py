"""Names for our own PoPs (points of presence) that several parts of the project share: object keys at the origin, host
names, and the name of the SSM parameter that holds the ARN of the PoPs' certificate.
"""

from __future__ import annotations

from typing import Literal

# How DNS chooses a region of our own PoPs for a client. The values are routing policies of Route 53.
PopRouting = Literal["latency", "geolocation", "geoproximity"]

# The key prefix of the objects at the origin that hold the compiled edge worker and the programs of PoP machines.
# Clients cannot reach these objects by any URL. PoP machines read the objects through the shields (regional caches).
WORKERS = "edge-workers/"
# The key under which the origin stores the digest of the current edge worker. The program `fetch-settings` on PoP
# machines reads this object.
CURRENT_WORKER = f"{WORKERS}current.json"

# The networks from which Google's front ends connect to machines behind a global external proxy Network Load Balancer,
# and from which its health checkers connect (Cloud Load Balancing, "Firewall rules").
GOOGLE_FRONT_ENDS = ("35.191.0.0/16", "130.211.0.0/22")


def programs_key(digest: str) -> str:
    """Returns the key under which the origin stores all programs of PoP machines in one object. `digest` is the SHA-256
    digest of these programs.
    """
    return f"{WORKERS}{digest}.json"


def worker_key(digest: str) -> str:
    """Returns the key under which the origin stores a compiled edge worker. `digest` is the worker's SHA-256 digest."""
    return f"{WORKERS}{digest}.js"


def certificate_parameter(environment: str) -> str:
    """Returns the name of an SSM parameter. The parameter holds the ARN of the certificate that PoP machines present to
    clients.
    """
    return f"/artifact-edge/{environment}/pop-certificate"


def pops_hostname(zone_name: str) -> str:
    """Returns the host name that resolves to the nearest healthy PoP of our own. `zone_name` is the name's DNS zone."""
    return f"pops.{zone_name}"


def routed_hostname(zone_name: str, routing: PopRouting) -> str:
    """Returns the host name under which the routing policy `routing` chooses one of our own PoPs for each client.
    `zone_name` is the host name's DNS zone.
    """
    return pops_hostname(zone_name) if routing == "latency" else f"{routing}.{pops_hostname(zone_name)}"


def anycast_hostname(zone_name: str) -> str:
    """Returns the host name that resolves to the addresses of the accelerator in front of our own PoPs. `zone_name` is
    the name's DNS zone.
    """
    return f"anycast.{pops_hostname(zone_name)}"


def pop_hostname(zone_name: str, region: str) -> str:
    """Returns the host name that resolves to the healthy machines of the PoP in `region`. `zone_name` is the name's DNS
    zone.
    """
    return f"{region}.{pops_hostname(zone_name)}"
