"""Imports the SDKs of Pulumi and the clouds once, and then forks for each request: `python -m … DESCRIPTOR`.

DESCRIPTOR is the file descriptor of a Unix socket that listens for requests. A request has Python's arguments (the
module or the file to run, and its arguments), the working directory and the environment variables. When the server's
standard input ends, the server kills the forks that still run, and ends.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import runpy
import signal
import socket
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from multiprocessing import get_context
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import boto3
from moto.core.utils import get_service_model
from moto.moto_api._internal import mock_random

from tests.support.made_once import made_once

_ROOT = Path(__file__).parents[3]
# Modules of this repository whose libraries the server imports. Commands of the registry import the modules below
# `registry` only when they need them.
_WITH_LIBRARIES = (
    "emulation.aws.server",
    "emulation.engine.language_host",
    "local.__main__",
    "registry.__main__",
    "registry.caller",
    "registry.origin.gcs",
    "registry.publish",
)
# The services of AWS whose API descriptions the emulated AWS, its Pulumi provider, the registry's commands and the
# programs of machines need.
_SERVICES = (
    "acm",
    "application-autoscaling",
    "cloudwatch",
    "dynamodb",
    "dynamodbstreams",
    "ec2",
    "events",
    "iam",
    "kms",
    "lambda",
    "logs",
    "route53",
    "s3",
    "secretsmanager",
    "sns",
    "sqs",
    "ssm",
    "sts",
)
_FORKS = get_context("fork")
# The maximum size of a request in bytes. Most of a request is the environment variables.
_REQUEST_BYTES = 1 << 20


def main() -> None:
    with made_once():
        _import_sdks()
        _serve(socket.socket(fileno=int(sys.argv[1])))


def _serve(listener: socket.socket) -> None:
    forks: dict[socket.socket, BaseProcess] = {}
    stdin = sys.stdin.fileno()
    ready: set[Any] = set()
    while stdin not in ready:
        if listener in ready:
            client, _ = listener.accept()
            request, streams, _, _ = socket.recv_fds(client, _REQUEST_BYTES, 3)
            if request:  # the client has not been killed yet
                forks[client] = _start(client, json.loads(request), streams, [listener, *forks])
        for client, process in list(forks.items()):
            # A client sends nothing after its request, so its socket becomes readable when the client has been killed.
            if client in ready or process.sentinel in ready:
                _end(forks.pop(client), client)
        ready = {*wait([stdin, listener, *forks, *(process.sentinel for process in forks.values())])}
    for client, process in forks.items():
        _end(process, client)


def _import_sdks() -> None:
    """Imports the emulated clouds and the operator's commands, and then forgets the modules of this repository among
    the imported ones. Each fork imports these modules again, from its own directory, as any other process does.
    """
    gc.disable()
    providers: Any = importlib.import_module("emulation.providers.server")
    for cloud in providers.CLOUDS:
        providers.provider(cloud)
    for name in _WITH_LIBRARIES:
        importlib.import_module(name)
    for name, module in list(sys.modules.items()):
        path = Path(getattr(module, "__file__", None) or "/")
        if name != "__main__" and path.is_relative_to(_ROOT) and not path.is_relative_to(_ROOT / ".venv"):
            del sys.modules[name]
    # The forks share the API descriptions that boto3 and the emulated AWS load here.
    session: Any = boto3.Session("any", "any", region_name="us-east-1")
    for service in _SERVICES:
        session.client(service)
        get_service_model(service)
    # Without a new seed, the emulated AWS of each sandbox would choose the same IDs.
    os.register_at_fork(after_in_child=mock_random.seed)
    # All objects of the SDKs live until the process ends. The garbage collector of the forks need not look at them.
    gc.freeze()
    gc.enable()


def _start(
    client: socket.socket, request: Mapping[str, Any], streams: Sequence[int], others: Sequence[socket.socket]
) -> BaseProcess:
    """Starts the fork that a client asks for. The fork has `streams` as its standard input, standard output and
    standard error, and closes the sockets in `others`.
    """
    process = _FORKS.Process(target=_run, args=(client, request, streams, others))
    process.start()
    for stream in streams:
        os.close(stream)
    return process


def _run(
    client: socket.socket, request: Mapping[str, Any], streams: Sequence[int], others: Sequence[socket.socket]
) -> None:
    """Runs the requested module or file in this process, as Python would run it."""
    os.setsid()
    # A shell that runs the tests in the background makes them and the server ignore SIGINT.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    client.send(str(os.getpid()).encode())
    for used in (client, *others):
        used.close()
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115  multiprocessing has opened /dev/null in its place
    os.chdir(request["directory"])
    os.environ.clear()
    os.environ.update(request["environment"])
    command = request["command"]
    is_module = command[0] == "-m"
    sys.argv = command[1:] if is_module else command
    program = sys.argv[0]
    imported_from = request["environment"].get("PYTHONPATH", "").split(os.pathsep)
    sys.path[:1] = [
        request["directory"] if is_module else str(Path(program).parent.resolve()),
        *filter(None, imported_from),
    ]
    # the name that ps and top show
    Path("/proc/self/comm").write_text(program.removeprefix("emulation.") if is_module else Path(program).name)
    if is_module:
        runpy.run_module(program, run_name="__main__", alter_sys=True)
    else:
        runpy.run_path(program, run_name="__main__")


def _end(process: BaseProcess, client: socket.socket) -> None:
    """Kills a fork with its process group, unless it has already ended. Tells its client the exit status."""
    if process.exitcode is None:
        process.kill()
        with suppress(ProcessLookupError):  # the fork has made no process group yet
            os.killpg(process.pid or 0, signal.SIGKILL)
    process.join()
    with suppress(OSError):  # the client has been killed
        client.send(str(process.exitcode).encode())
    client.close()


if __name__ == "__main__":
    main()
