"""Values that the edge, the shield machines (regional caches) and DNS share: the shield machines' ports, health check
path and host names.

The module also contains the names of two kinds of parameters in Parameter Store. One parameter contains the ARN of the
shield machines' certificate. Each machine also has a parameter of its own, in which it reports that it is ready to
serve clients.
"""

from __future__ import annotations

# The port of the shields (regional caches) for connections from the edge. The edge must authenticate with mutual TLS.
EDGE_PORT = 8443

# The port on which shields (regional caches) answer the health checkers of AWS and Google Cloud, which send plain HTTP.
HEALTH_PORT = 8080
HEALTH_PATH = "/healthz"


def certificate_parameter(environment: str) -> str:
    """Returns the name of an SSM parameter. The parameter holds the ARN of the certificate that shield machines
    (regional caches) present to the edge.
    """
    return f"/artifact-edge/{environment}/shield-certificate"


def serving_parameters(environment: str) -> str:
    """Returns the path of the SSM parameters in which shield machines (regional caches) report that they are ready to
    serve clients. Each machine has one parameter below this path.
    """
    return f"/artifact-edge/{environment}/serving"


def host_suffix(zone_name: str) -> str:
    """Returns the common suffix of the host names of all shield machines (regional caches) in a DNS zone."""
    return f".shield.{zone_name}"
