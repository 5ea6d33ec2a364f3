"""Serves the emulated Pulumi providers of a sandbox, with one gRPC server for each cloud, and writes the ports of the
servers to a file.
"""

from __future__ import annotations

import importlib
import json
import os
from importlib.metadata import version
from pathlib import Path

from pulumi.runtime.proto import provider_pb2_grpc

from emulation.layout import Sandbox
from emulation.loopback_grpc import Served, serve
from emulation.providers.provider import EmulatedProvider

CLOUDS = ("aws", "cloudflare", "gcp")


def provider(cloud: str) -> EmulatedProvider:
    """Returns the emulated Pulumi provider of a cloud, with all handlers of the package
    `emulation.providers.<cloud>`."""
    package = importlib.import_module(f"emulation.providers.{cloud}")
    return EmulatedProvider(cloud, version(f"pulumi-{cloud}"), package.handlers(), package.functions())


def serve_provider(emulated: EmulatedProvider) -> Served:
    """Starts the gRPC server of an emulated Pulumi provider on 127.0.0.1. The Pulumi engine connects to this address
    when the environment variable PULUMI_DEBUG_PROVIDERS contains the provider's port.
    """
    return serve(lambda server: provider_pb2_grpc.add_ResourceProviderServicer_to_server(emulated, server), threads=16)


def serve_sandbox(sandbox: Sandbox) -> list[Served]:
    """Serves the emulated Pulumi providers of all clouds and writes their ports to `run/providers.json`."""
    served = {cloud: serve_provider(provider(cloud)) for cloud in CLOUDS if _has_handlers(cloud)}
    ports = {cloud: running.port for cloud, running in served.items()}
    target = sandbox.path("run", "providers.json")
    partial = target.with_suffix(f".{os.getpid()}")
    partial.write_text(json.dumps(ports))
    partial.rename(target)
    return list(served.values())


def _has_handlers(cloud: str) -> bool:
    return (Path(__file__).parent / cloud / "__init__.py").exists()
