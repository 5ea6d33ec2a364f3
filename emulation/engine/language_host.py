"""Runs Pulumi programs in Python for an engine that was built without a Python language host.

The engine starts the language host as `pulumi-language-python … <engine address>`, and reads the port of the language
host from the first line of output. The engine then sends requests to run programs and plugins (language.proto of the
Pulumi SDK). The Pulumi program runs in the process of the language host. The program does not affect later programs,
because each operation of the engine starts a new language host.
"""

from __future__ import annotations

import errno
import gc
import os
import queue
import runpy
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, cast

from google.protobuf import empty_pb2
from pulumi.automation._server import LanguageServer
from pulumi.runtime.proto import language_pb2, language_pb2_grpc

from emulation.loopback_grpc import serve

# The interval, in seconds, at which the language host checks whether the Pulumi engine still runs.
_CHECK_SECONDS = 1.0


class LanguageHost(LanguageServer):
    """A Pulumi language host: runs a Pulumi program when the Pulumi engine requests it. Also runs Python plugins such
    as policy packs.
    """

    def __init__(self, engine_address: str) -> None:
        super().__init__(lambda: None)
        self._engine_address = engine_address
        self._plugins: list[subprocess.Popen[bytes]] = []

    def wait_for_the_engine(self) -> None:
        """Waits until the Pulumi engine has ended. The method checks whether a process still listens on the engine's
        port, because the port closes even if the engine is killed.
        """
        host, _, port = self._engine_address.rpartition(":")
        while not _refused(host, int(port)):
            time.sleep(_CHECK_SECONDS)

    def end_plugins(self) -> None:
        """Ends the plugin processes that the language host started for the engine."""
        for process in self._plugins:
            process.terminate()

    def Handshake(self, request: Any, context: Any) -> Any:
        return language_pb2.LanguageHandshakeResponse()

    def GetProgramDependencies(self, request: Any, context: Any) -> Any:
        return language_pb2.GetProgramDependenciesResponse()

    def InstallDependencies(self, request: Any, context: Any) -> Iterator[Any]:
        yield language_pb2.InstallDependenciesResponse(stdout=b"make installs the dependencies\n")

    def Cancel(self, request: Any, context: Any) -> Any:
        return empty_pb2.Empty()

    def Run(self, request: Any, context: Any) -> Any:
        program = Path(request.info.program_directory, request.info.entry_point).resolve()
        working_directory = request.pwd or request.info.program_directory

        def run_program() -> None:
            os.chdir(working_directory)
            sys.path.insert(0, str(program if program.is_dir() else program.parent))
            runpy.run_path(str(program), run_name="__main__")

        self.program = run_program
        request.args.insert(0, self._engine_address)
        result = cast(Any, super()).Run(request, context)
        if result.error:
            # The Pulumi SDK has already logged the error. `bail=True` tells the Pulumi engine not to log it a second
            # time.
            return language_pb2.RunResponse(bail=True)
        return result

    def RunPlugin(self, request: Any, context: Any) -> Iterator[Any]:
        # A policy pack writes its port and does not flush the output (pulumi_policy/policy.py), so the engine would
        # wait for the port forever. With `-u`, Python flushes each write.
        process = subprocess.Popen(
            [sys.executable, "-u", request.info.program_directory, *request.args],
            cwd=request.pwd or None,
            env={**os.environ, **dict(entry.split("=", 1) for entry in request.env)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self._plugins.append(process)
        context.add_callback(process.terminate)
        for stream, chunk in _output_of(process):
            yield (
                language_pb2.RunPluginResponse(stdout=chunk)
                if stream == "stdout"
                else language_pb2.RunPluginResponse(stderr=chunk)
            )
        yield language_pb2.RunPluginResponse(exitcode=process.wait())


def _refused(host: str, port: int) -> bool:
    """Returns whether a connection to the address is refused, which means that no process listens there. Returns False
    if a process listens but is too busy to answer.
    """
    with socket.socket() as probe:
        probe.settimeout(1.0)
        return probe.connect_ex((host, port)) == errno.ECONNREFUSED


def _output_of(process: subprocess.Popen[bytes]) -> Iterator[tuple[str, bytes]]:
    """Yields the output of a child process as it arrives, until both output streams end. Each item is the name of the
    stream ("stdout" or "stderr") and the bytes."""
    chunks: queue.Queue[tuple[str, bytes]] = queue.Queue()

    def pump(stream: IO[bytes], name: str) -> None:
        while chunk := os.read(stream.fileno(), 65536):
            chunks.put((name, chunk))
        chunks.put((name, b""))

    for stream, name in ((process.stdout, "stdout"), (process.stderr, "stderr")):
        assert stream is not None  # noqa: S101  both were asked for as pipes
        threading.Thread(target=pump, args=(stream, name), daemon=True).start()
    still_open = 2
    while still_open:
        name, chunk = chunks.get()
        if chunk:
            yield name, chunk
        else:
            still_open -= 1


def main() -> None:
    # These thresholds make Python's garbage collector run rarely. The objects of a Pulumi program live until the
    # process ends, so the collector would free little memory. With Python's default thresholds, garbage collection took
    # a quarter of the running time.
    gc.set_threshold(100_000, 50, 100)
    engine_address = next(argument for argument in reversed(sys.argv) if not argument.startswith("-"))
    host = LanguageHost(engine_address)
    serving = serve(lambda server: language_pb2_grpc.add_LanguageRuntimeServicer_to_server(host, server), threads=8)
    print(serving.port, flush=True)
    # The Pulumi engine ends the language host with SIGINT, so KeyboardInterrupt is not an error.
    with suppress(KeyboardInterrupt):
        host.wait_for_the_engine()
    host.end_plugins()
    # Threads of the Pulumi program may still wait for answers from the engine, which has ended. os._exit ends the
    # process even if threads wait.
    os._exit(0)


if __name__ == "__main__":
    main()
