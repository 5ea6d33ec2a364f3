"""Addresses and ports of one sandbox on the loopback network, and paths beneath its directory.

No other module knows an address, a port or a path of the sandbox. The addresses all lie in one /16 of 127.0.0.0/8,
which Linux answers without set-up. So each emulated machine has an address of its own, and sandboxes can run side by
side: each in the network that the environment variable ARTIFACT_EDGE_LOOPBACK names (such as `127.78`).
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

LOOPBACK_VARIABLE = "ARTIFACT_EDGE_LOOPBACK"

# Python imports this package from here, also in the processes that it starts.
IMPORT_ROOT = Path(__file__).resolve().parents[1]

# Ports of tiers that clouds run for us. Those of our own machines are part of their boot files.
AWS_PORT = 5000
CLOUDFLARE_PORT = 5001
GCP_PORT = 5002
FUNCTIONS_PORT = 5004
METADATA_PORT = 5005
RUN_PORT = 5006
POSTGRES_PORT = 5432  # PGAdapter's, too

SPANNER_USER = "spanner"
"""Whom the emulated Spanner's databases belong to."""
DNS_PORT = 5353
CLIENT_LOCATION_PORT = 3128
POP_HTTPS_PORT = 8443
POP_L1_PORT = 8081

AWS_ACCOUNT_ID = "123456789012"
INSTANCES_PATH = "/_artifact-edge/instances"
"""Under it, at the emulated AWS, each machine's metadata service (`/<instance id>/latest/…`)."""


def cache_directory() -> Path:
    """Where downloads and builds are kept, outside of any checkout (XDG Base Directory Specification)."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "artifact-edge"


def _loopback(directory: Path) -> str:
    """A sandbox that is up stays where it is; a new one goes where the environment says."""
    try:
        return (directory / "loopback").read_text().strip()
    except FileNotFoundError:
        return os.environ.get(LOOPBACK_VARIABLE, "127.77")


@dataclass(frozen=True)
class ClientLocation:
    """A place that clients look from: its resolver's subnet decides what Geo-DNS answers.

    The subnets are the documentation prefixes of RFC 5737, so that no real network is ever meant.
    """

    name: str
    subnet: str
    latitude: float
    longitude: float
    continent: str  # two letters, as Route 53 and Cloudflare write them
    country: str  # ISO 3166-1 alpha-2
    host: int  # last octet of the address on which this client location's proxy listens


CLIENT_LOCATIONS = (
    ClientLocation("us-east", "192.0.2.0/24", 38.9, -77.4, "NA", "US", 11),
    ClientLocation("eu-west", "198.51.100.0/24", 53.3, -6.3, "EU", "IE", 12),
    ClientLocation("ap-southeast", "203.0.113.0/24", 1.35, 103.8, "AS", "SG", 13),
)


@dataclass(frozen=True)
class Pop:
    """A point of presence of the emulated edge network: one workerd and one L1 cache on one address."""

    colo: str  # IATA code, as `request.cf.colo`
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
    """One embedded sandbox. `directory` holds all that it writes; deleting it forgets the sandbox."""

    directory: Path
    loopback: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "loopback", self.loopback or _loopback(self.directory))

    def settle(self) -> None:
        """Writes down where this sandbox is, for all later commands on its directory."""
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
        """Where the emulated AWS's function URLs answer, and all that scripts of the edge fetch from the internet."""
        return f"{self.loopback}.0.4"

    @property
    def run_address(self) -> str:
        """Where URLs of the emulated Cloud Run's services answer; its instances have addresses of their own in
        `<loopback>.5.0/24`."""
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
        """Public addresses of emulated EC2 instances are taken from here."""
        return f"{self.loopback}.2.0/24"

    @property
    def gcp_machine_network(self) -> str:
        """Public addresses of emulated Compute Engine instances are taken from here."""
        return f"{self.loopback}.3.0/24"

    @property
    def metadata_network(self) -> str:
        """Each client of Google's metadata server finds it at an address of its own from here."""
        return f"{self.loopback}.4.0/24"

    @property
    def aws_url(self) -> str:
        return f"http://{self.aws_address}:{AWS_PORT}"

    @property
    def cloudflare_url(self) -> str:
        """Base URL of the Cloudflare API, as the official SDK takes it in CLOUDFLARE_BASE_URL."""
        return f"http://{self.cloudflare_address}:{CLOUDFLARE_PORT}/client/v4"

    @property
    def gcp_url(self) -> str:
        return f"http://{self.gcp_address}:{GCP_PORT}"

    def path(self, *parts: str) -> Path:
        """A path in the sandbox's directory; its parent is made."""
        path = self.directory.joinpath(*parts)
        path.parent.mkdir(parents=True, exist_ok=True)
        return path
