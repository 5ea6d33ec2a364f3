"""Serves the emulated providers, one gRPC server a cloud, and tells the world where they listen."""

from __future__ import annotations

import importlib
import json
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import grpc
from pulumi.runtime.proto import provider_pb2_grpc

from local.layout import World
from local.providers.provider import EmulatedProvider

CLOUDS = ("aws", "cloudflare", "gcp")
MAX_MESSAGE_BYTES = 400 * 1024 * 1024  # as the engine's own limit


@dataclass(frozen=True)
class Served:
    """A running server and its port on 127.0.0.1, where the engine looks for debug providers."""

    server: grpc.Server
    port: int


def provider(cloud: str) -> EmulatedProvider:
    """The emulated provider of a cloud, with all handlers of its package `local.providers.<cloud>`."""
    package = importlib.import_module(f"local.providers.{cloud}")
    return EmulatedProvider(cloud, version(f"pulumi-{cloud}"), package.handlers(), package.functions())


def serve(emulated: EmulatedProvider) -> Served:
    """Starts serving on a free port of 127.0.0.1."""
    limits = [
        ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
        ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    ]
    server = grpc.server(ThreadPoolExecutor(max_workers=16), options=limits)
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(emulated, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    return Served(server, port)


def serve_world(world: World) -> list[Served]:
    """Serves every cloud that has handlers and writes the ports to `run/providers.json`."""
    served = {cloud: serve(provider(cloud)) for cloud in CLOUDS if _has_handlers(cloud)}
    ports = {cloud: running.port for cloud, running in served.items()}
    target = world.path("run", "providers.json")
    partial = target.with_suffix(f".{os.getpid()}")
    partial.write_text(json.dumps(ports))
    partial.rename(target)
    return list(served.values())


def _has_handlers(cloud: str) -> bool:
    return (Path(__file__).parent / cloud / "__init__.py").exists()
