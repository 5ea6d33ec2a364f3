"""Starts the gRPC servers that the Pulumi engine connects to: the language host and the providers, each on a free port
of 127.0.0.1."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import grpc

# The maximum size of a gRPC message in bytes. The Pulumi engine has the same limit (sdk/go/common/util/rpcutil).
MAX_MESSAGE_BYTES = 400 * 1024 * 1024


@dataclass(frozen=True)
class Served:
    """A running gRPC server that listens on a port of 127.0.0.1."""

    server: grpc.Server
    port: int


def serve(add_servicer: Callable[[grpc.Server], object], *, threads: int) -> Served:
    """Starts a gRPC server on a free port of 127.0.0.1. `add_servicer` registers the server's services, and `threads`
    is the number of worker threads.
    """
    limits = [(f"grpc.max_{direction}_message_length", MAX_MESSAGE_BYTES) for direction in ("receive", "send")]
    server = grpc.server(ThreadPoolExecutor(max_workers=threads), options=limits)
    add_servicer(server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    return Served(server, port)
