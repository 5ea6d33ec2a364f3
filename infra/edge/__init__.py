"""The edge: the worker that authenticates, authorizes and routes requests, and that runs close to each client."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal, Protocol

import pulumi

from contract.regions import REGIONS
from infra.waf import Bound

# The compatibility date of the edge worker, on Cloudflare and on PoPs of our own.
COMPATIBILITY_DATE = "2026-11-01"


@dataclass(frozen=True)
class ShieldNode:
    """A shield machine (a regional cache) in the list that the edge worker gets. `host` is a host name with a port. The
    worker orders the machines by the distance between the client and the coordinates of `region`.
    """

    host: str
    region: str


def shields_binding(nodes: Sequence[ShieldNode]) -> str:
    """Returns the list of shield machines (regional caches) as JSON. The edge worker gets the list as its binding
    SHIELDS.
    """
    return json.dumps(
        [
            {
                "host": node.host,
                "region": node.region,
                "latitude": REGIONS[node.region].latitude,
                "longitude": REGIONS[node.region].longitude,
            }
            for node in nodes
        ]
    )


@dataclass(frozen=True)
class EdgeSecrets:
    """Secrets of the edge worker: its credentials for the shields (regional caches), and the key that signs sessions of
    its token endpoint.

    AWS Secrets Manager holds the secrets as one JSON object. The fields of this object have the same names as the
    attributes of this class.
    """

    client_certificate: pulumi.Input[str]
    client_key: pulumi.Input[str]
    origin_key: pulumi.Input[str]
    token_signing_key: pulumi.Input[str]


@dataclass(frozen=True)
class MetadataApiBinding:
    """The URL of the metadata API, and the key with which the edge worker signs its queries to the API. The worker
    queries the API for tokens that its key-value store lacks.
    """

    url: pulumi.Input[str]
    key: pulumi.Input[str]


@dataclass(frozen=True)
class PredictionArgs:
    """The limits of prefetches. With a prefetch, the edge worker fetches an object before a client requests it.

    `requests` and `bytes` limit the prefetches that follow one request of a client. `in_flight` is the maximum number
    of prefetches that an isolate (an instance of the worker) runs at the same time. `object_bytes` is the maximum size
    of a prefetched object. `share` is the average number of prefetches that may reach a shield (a regional cache) for
    each request of a client.
    """

    requests: int
    in_flight: int
    bytes: int
    object_bytes: int
    share: float

    @property
    def binding(self) -> str:
        """Returns the limits of prefetches as JSON, which is the value of the edge worker's binding PREDICTION."""
        return json.dumps(asdict(self))


@dataclass(frozen=True)
class MemoryArgs:
    """Limits of the memory tier, in which each isolate of the edge worker keeps small immutable objects.

    `bytes` is the maximum size of all objects of an isolate together. An isolate does not keep objects larger than
    `object_bytes`.
    """

    bytes: int
    object_bytes: int

    @property
    def binding(self) -> str:
        """Returns the limits of the memory tier (the object cache in each isolate's memory) as JSON. This JSON is the
        value of the edge worker's binding MEMORY.
        """
        return json.dumps(asdict(self))


@dataclass(frozen=True)
class EdgeArgs:
    """Arguments of the component that creates the edge.

    `zone_name` is an active Cloudflare zone of the account. No other stack uses this zone. `hostname` is the name that
    clients connect to. It does not belong to the domain of the zone. `bundle` is the compiled worker. The worker
    verifies the signature of the registry's purge requests with `purge_key`. `reserved_python_names` are patterns of
    Python project names. If a token has no grant for such a project, a request with this token gets 403 instead of 404.
    `log_sampling` is the fraction of requests, from 0 to 1, whose logs are kept.

    If `metadata_api` is None, the worker accepts a new token only after its key-value store has an entry for the token.
    If `prediction` is None, the worker prefetches nothing. If `memory` is None, the worker keeps no objects in memory.
    If `log_installs` is true, the worker tells the shields (regional caches) which requests belong to the same install.
    The shields write this to their access logs. `by_token` limits the rate of requests with one valid token.
    `failed_tokens` limits the rate of requests with invalid tokens from one client address.
    """

    prefix: str
    account_id: str
    zone_name: str
    hostname: str
    bundle: str
    shields: Sequence[ShieldNode]
    secrets: EdgeSecrets
    purge_key: pulumi.Input[str]
    metadata_api: MetadataApiBinding | None = None
    reserved_python_names: Sequence[str] = ()
    log_sampling: float = 0.01
    prediction: PredictionArgs | None = None
    memory: MemoryArgs | None = None
    log_installs: bool = False
    by_token: Bound | None = None
    failed_tokens: Bound | None = None


@dataclass(frozen=True)
class ValidationRecord:
    """A DNS record with which Cloudflare validates the hostname that clients connect to, or the hostname's certificate.
    `purpose` becomes the name of the record's Pulumi resource.

    `value` is an empty string if Cloudflare has validated the hostname and no longer says which value it expects. The
    record then keeps the value that it has in DNS.
    """

    purpose: str
    name: str
    type: Literal["CNAME", "TXT"]
    value: pulumi.Input[str]


class EdgeName(Protocol):
    """The DNS names of the edge. Clients connect to a hostname whose CNAME record points to `target`. Cloudflare uses
    the records in `validation_records` to validate this hostname and its certificate.
    """

    @property
    def target(self) -> str: ...

    @property
    def validation_records(self) -> Sequence[ValidationRecord]: ...

    def activated_by(
        self, records: Sequence[pulumi.Resource], name_servers: pulumi.Input[Sequence[str]]
    ) -> pulumi.Output[Sequence[pulumi.Resource]]:
        """Returns an output with the validation records `records`. The output resolves when the edge serves the
        hostname that clients connect to. The DNS records of this hostname depend on the output.

        `name_servers` are the name servers of the DNS zone with the validation records. If the hostname's domain is not
        delegated to these servers yet, the error message lists them.
        """
        ...
