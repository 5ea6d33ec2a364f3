"""Handlers of the Google Cloud resource types that the program uses, over the REST calls of Google's APIs."""

from __future__ import annotations

from collections.abc import Iterable

from local.providers.gcp import compute, data, kms, monitoring, run, spanner
from local.providers.gcp.rest import Clients, from_environment
from local.providers.handler import Function, Handler


def handlers(clients: Clients = from_environment) -> Iterable[Handler]:
    """One handler a resource type; `clients` gives the HTTP client, when one is needed."""
    parts = (compute, kms, data, spanner, monitoring, run)
    return [handler for part in parts for handler in part.handlers(clients)]


def functions(clients: Clients = from_environment) -> Iterable[Function]:
    """One handler a data source."""
    return [data.StorageAgent(clients), data.TransferAgent(clients)]
