"""Handlers of the Google Cloud resource types that the project uses. They call Google's REST APIs."""

from __future__ import annotations

from collections.abc import Iterable

from emulation.providers.gcp import cloud_run, compute, kms, monitoring, spanner, storage
from emulation.providers.gcp.rest import Clients, from_environment
from emulation.providers.handler import Function, Handler


def handlers(clients: Clients = from_environment) -> Iterable[Handler]:
    """Returns one handler for each resource type. `clients` creates the HTTP client when a handler needs one."""
    parts = (compute, kms, storage, spanner, monitoring, cloud_run)
    return [handler for part in parts for handler in part.handlers(clients)]


def functions(clients: Clients = from_environment) -> Iterable[Function]:
    """Returns one handler for each data source. `clients` creates the HTTP client when a handler needs one."""
    return [storage.StorageAgent(clients), storage.TransferAgent(clients)]
