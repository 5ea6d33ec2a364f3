"""Handlers of the Google Cloud resource types that the program uses, over the REST calls of Google's APIs."""

from __future__ import annotations

from collections.abc import Iterable

from emulation.providers.gcp import cloud_run, compute, kms, monitoring, spanner, storage
from emulation.providers.gcp.rest import Clients, from_environment
from emulation.providers.handler import Function, Handler


def handlers(clients: Clients = from_environment) -> Iterable[Handler]:
    """One handler a resource type; `clients` gives the HTTP client, when one is needed."""
    parts = (compute, kms, storage, spanner, monitoring, cloud_run)
    return [handler for part in parts for handler in part.handlers(clients)]


def functions(clients: Clients = from_environment) -> Iterable[Function]:
    """One handler a data source."""
    return [storage.StorageAgent(clients), storage.TransferAgent(clients)]
