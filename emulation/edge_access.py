"""Defines environment variables for programs that send requests to the emulated edge, but do not use the DNS server of
the sandbox (emulated clouds).
"""

from __future__ import annotations

from emulation.layout import CLIENT_LOCATION_PORT, CLIENT_LOCATIONS, Sandbox


def edge_environment(sandbox: Sandbox) -> dict[str, str]:
    """Returns environment variables for the commands and functions of the package registry. With these variables, they
    send cache purges to the emulated edge (registry/cloudflare).

    One variable contains the URL of a client location's HTTP proxy, which resolves the edge's host name. The other
    variable contains the path of the file with the certificate authority of the emulated edge.
    """
    address = sandbox.client_location_address(CLIENT_LOCATIONS[0])
    return {
        "ARTIFACT_EDGE_PROXY": f"http://{address}:{CLIENT_LOCATION_PORT}",
        "ARTIFACT_EDGE_CA_FILE": str(sandbox.directory / "pki" / "edge-ca.pem"),
    }
