"""Lists the handlers with which the emulated Google Cloud provider creates, reads, changes and deletes resources.
Handlers call the emulated REST APIs."""

from __future__ import annotations

from collections.abc import Iterable

from emulation.providers.gcp import (
    cloud_run,
    compute,
    kms,
    load_balancing,
    monitoring,
    spanner,
    storage,
    workload_identity,
)
from emulation.providers.gcp.rest import Clients, from_environment
from emulation.providers.handler import Function, Handler


def handlers(clients: Clients = from_environment) -> Iterable[Handler]:
    """Returns the handlers of all Google Cloud resource types of the project. `clients` creates the HTTP client when a
    handler needs one."""
    parts = (compute, load_balancing, kms, storage, spanner, monitoring, cloud_run, workload_identity)
    return [handler for part in parts for handler in part.handlers(clients)]


def functions(clients: Clients = from_environment) -> Iterable[Function]:
    """Returns the handlers of all Google Cloud data sources of the project. `clients` creates the HTTP client when a
    handler needs one."""
    return [storage.StorageAgent(clients), storage.TransferAgent(clients)]
