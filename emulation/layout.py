"""Defines the addresses and ports of a sandbox (emulated clouds on this machine) on the loopback network, and the paths
in its directory.

All addresses of a sandbox lie in one /16 of 127.0.0.0/8. On Linux, a process can listen on each of these addresses
without set-up. Each emulated machine has its own address. Sandboxes can run side by side, each in the network that the
environment variable ARTIFACT_EDGE_LOOPBACK names (such as `127.78`).
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

LOOPBACK_VARIABLE = "ARTIFACT_EDGE_LOOPBACK"

# The directory from which Python imports the project's packages, both in this process and in the processes that a
# sandbox (emulated clouds) starts.
IMPORT_ROOT = Path(__file__).resolve().parents[1]

# The ports of the emulated cloud services in a sandbox. The ports of shields (regional caches) and of PoP machines are
# in their user data.
AWS_PORT = 5000
CLOUDFLARE_PORT = 5001
GCP_PORT = 5002
FUNCTIONS_PORT = 5004
METADATA_PORT = 5005
RUN_PORT = 5006
# PostgreSQL takes the place of PGAdapter, Google's PostgreSQL proxy for Spanner, and listens on PGAdapter's default
# port.
POSTGRES_PORT = 5432

# The name of the PostgreSQL user that owns the databases of the emulated Spanner.
SPANNER_USER = "spanner"
DNS_PORT = 5353
CLIENT_LOCATION_PORT = 3128
POP_HTTPS_PORT = 8443
POP_L1_PORT = 8081
POP_ORIGIN_PORT = 8082

# A directory in which one of these paths exists is the directory of a sandbox (emulated clouds on this machine). The
# first path is the lock file of `make up`, and the second is the Pulumi state.
_PARTS = ("run/lock", "pulumi/state")

AWS_ACCOUNT_ID = "123456789012"
# The path below which the emulated AWS serves the metadata of each EC2 instance (`/<instance id>/latest/…`).
INSTANCES_PATH = "/_artifact-edge/instances"


def cache_directory() -> Path:
    """Returns the directory for downloads and builds that all checkouts share. The XDG Base Directory Specification
    defines the location.
    """
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "artifact-edge"


def _loopback(directory: Path) -> str:
    """Returns the first two numbers of a sandbox's loopback addresses, such as `127.77`. An existing sandbox (emulated
    clouds on this machine) has them in its file `loopback`. For a new sandbox, they come from an environment variable.
    """
    try:
        return (directory / "loopback").read_text().strip()
    except OSError:
        # The file `loopback` is missing in a new sandbox (emulated clouds). If the file exists but cannot be read, this
        # function ignores the error, and local/prerequisites.py reports the reason later.
        return os.environ.get(LOOPBACK_VARIABLE, "127.77")


@dataclass(frozen=True)
class ClientLocation:
    """A client location: a place that clients of a sandbox (emulated clouds) connect from. Geo-DNS chooses the
    addresses in an answer by the subnet of the client location.

    The subnets are the documentation prefixes of RFC 5737, which no real network uses.
    """

    name: str
    subnet: str
    latitude: float
    longitude: float
    continent: str  # The two-letter code of the continent, as in the geolocation of Route 53 and Cloudflare.
    country: str  # The two-letter code of the country (ISO 3166-1 alpha-2).
    host: int  # The last number in the IP address of the HTTP proxy for clients at this client location.
    state: str = ""  # The two-letter code of the US state; empty for client locations outside of the US.


CLIENT_LOCATIONS = (
    ClientLocation("us-east", "192.0.2.0/24", 38.9, -77.4, "NA", "US", 11, "VA"),
    ClientLocation("eu-west", "198.51.100.0/24", 53.3, -6.3, "EU", "IE", 12),
    ClientLocation("ap-southeast", "203.0.113.0/24", 1.35, 103.8, "AS", "SG", 13),
)


@dataclass(frozen=True)
class Pop:
    """A point of presence of the emulated edge network: one workerd process and one L1, the cache at the edge. Both
    have the same address.
    """

    colo: str  # The IATA airport code that names the PoP, as in Cloudflare's `request.cf.colo`.
    latitude: float
    longitude: float
    continent: str
    country: str
    host: int


POPS = (
    Pop("IAD", 38.9, -77.4, "NA", "US", 1),
    Pop("DUB", 53.3, -6.3, "EU", "IE", 2),
    Pop("SIN", 1.35, 103.8, "AS", "SG", 3),
)


@dataclass(frozen=True)
class Sandbox:
    """A sandbox: one set of emulated clouds, machines and clients on this machine. `directory` holds all files and all
    state of the sandbox, so deleting the directory discards the sandbox.
    """

    directory: Path
    loopback: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "loopback", self.loopback or _loopback(self.directory))

    def record_network(self) -> None:
        """Writes the loopback network of a sandbox (emulated clouds) to a file in the sandbox's directory. Later
        commands read the network from this file.
        """
        self.path("loopback").write_text(f"{self.loopback}\n")

    @property
    def aws_address(self) -> str:
        return f"{self.loopback}.0.1"

    @property
    def cloudflare_address(self) -> str:
        return f"{self.loopback}.0.2"

    @property
    def gcp_address(self) -> str:
        return f"{self.loopback}.0.3"

    @property
    def functions_address(self) -> str:
        """The address at which a sandbox serves Lambda function URLs. All requests that edge workers send to hosts on
        the internet also arrive at this address.
        """
        return f"{self.loopback}.0.4"

    @property
    def run_address(self) -> str:
        """The address at which a sandbox serves the URLs of emulated Cloud Run services.

        The instances of these services have their own addresses in `<loopback>.5.0/24`.
        """
        return f"{self.loopback}.0.5"

    @property
    def dns_address(self) -> str:
        return f"{self.loopback}.0.53"

    def client_location_address(self, client_location: ClientLocation) -> str:
        return f"{self.loopback}.0.{client_location.host}"

    def pop_address(self, pop: Pop) -> str:
        return f"{self.loopback}.1.{pop.host}"

    @property
    def machine_network(self) -> str:
        """The IP network from which a sandbox takes the public addresses of emulated EC2 instances."""
        return f"{self.loopback}.2.0/24"

    @property
    def gcp_machine_network(self) -> str:
        """The IP network from which a sandbox takes the public addresses of emulated Compute Engine instances."""
        return f"{self.loopback}.3.0/24"

    @property
    def metadata_network(self) -> str:
        """The IP network from which a sandbox takes the addresses of emulated Google metadata servers. Each client of a
        metadata server, such as a machine, has a server of its own, with an address of its own.
        """
        return f"{self.loopback}.4.0/24"

    @property
    def accelerator_network(self) -> str:
        """The network from which the accelerators of a sandbox's emulated Global Accelerator get their static
        addresses.
        """
        return f"{self.loopback}.6.0/24"

    @property
    def aws_url(self) -> str:
        return f"http://{self.aws_address}:{AWS_PORT}"

    @property
    def cloudflare_url(self) -> str:
        """The base URL of the emulated Cloudflare API. Cloudflare's official SDK reads the base URL of the API from
        CLOUDFLARE_BASE_URL.
        """
        return f"http://{self.cloudflare_address}:{CLOUDFLARE_PORT}/client/v4"

    @property
    def gcp_url(self) -> str:
        return f"http://{self.gcp_address}:{GCP_PORT}"

    def owns_directory(self) -> bool:
        """Returns whether the sandbox (emulated clouds) may use its directory: whether the directory is empty, or
        already contains files of a sandbox.
        """
        entries = {entry.name for entry in self.directory.iterdir()}
        return entries <= {"run"} or any((self.directory / part).exists() for part in _PARTS)

    def path(self, *parts: str) -> Path:
        """Returns a path in the directory of a sandbox (emulated clouds), and creates the parent directory of that
        path.
        """
        path = self.directory.joinpath(*parts)
        path.parent.mkdir(parents=True, exist_ok=True)
        return path
