"""The edge: the worker that authenticates, authorizes and routes requests, close to each client."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import pulumi


@dataclass(frozen=True)
class ShieldNode:
    """A shield machine as the worker sees it: `host` is name and port; the worker derives distances from `region`."""

    host: str
    region: str


@dataclass(frozen=True)
class EdgeSecrets:
    """Secrets that the worker uses towards shields and for tokens; field names are those of the secret's JSON."""

    client_certificate: pulumi.Input[str]
    client_key: pulumi.Input[str]
    server_ca: pulumi.Input[str]
    origin_key: pulumi.Input[str]
    token_signing_key: pulumi.Input[str]


@dataclass(frozen=True)
class MetadataApiBinding:
    """The API that the worker queries for tokens that its store lacks: the URL, and the key that signs queries."""

    url: pulumi.Input[str]
    key: pulumi.Input[str]


@dataclass(frozen=True)
class EdgeArgs:
    """Arguments of the edge.

    `zone_name` is an active Cloudflare zone of the account that serves this stack alone. `hostname` is the name that
    clients use; it belongs to another domain. `bundle` is the compiled worker. Without a `metadata_api` a token is
    valid only once the store has its entry. `reserved_python_names` are patterns of projects for which a token without
    the grant gets 403 instead of 404.
    """

    prefix: str
    account_id: str
    zone_name: str
    hostname: str
    bundle: str
    shields: Sequence[ShieldNode]
    secrets: EdgeSecrets
    metadata_api: MetadataApiBinding | None = None
    reserved_python_names: Sequence[str] = ()


@dataclass(frozen=True)
class ValidationRecord:
    """A DNS record by which the edge network sees who controls the clients' hostname. `purpose` names the resource."""

    purpose: str
    name: str
    type: Literal["CNAME", "TXT"]
    value: pulumi.Input[str]


class EdgeName(Protocol):
    """The edge as DNS sees it: `target` is the name that the clients' hostname is an alias of."""

    @property
    def target(self) -> str: ...

    @property
    def validation_records(self) -> Sequence[ValidationRecord]: ...

    def activated_by(
        self, records: Sequence[pulumi.Resource], name_servers: pulumi.Input[Sequence[str]]
    ) -> pulumi.Output[Sequence[pulumi.Resource]]:
        """Returns the validation records once the edge serves the hostname. A client record depends on the result.

        `name_servers` are those of the records' zone, for the message to people who must still delegate the domain.
        """
        ...
