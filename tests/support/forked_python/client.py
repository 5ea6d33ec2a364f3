"""Runs `python -m MODULE ARGUMENT…` or `python FILE ARGUMENT…` in a fork of the server: `client.py SOCKET PYTHON -m
MODULE ARGUMENT…`.

The fork has the standard input, the standard output and the standard error of this process. This process lives as long
as the fork. It passes signals on to the fork and ends with the fork's exit status. When this process is killed, the
server kills the fork. With other options than `-m`, the interpreter PYTHON itself runs.

The interpreter runs this file without the packages of the project, because their start takes time.
"""

import json
import os
import signal
import socket
import sys
from contextlib import suppress


def main() -> None:
    address, python, *arguments = sys.argv[1:]
    if not arguments or (arguments[0].startswith("-") and arguments[0] != "-m"):
        os.execv(python, [python, *arguments])  # noqa: S606  no shell is needed
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as server:
        server.connect(address)
        directory = os.getcwd()  # noqa: PTH109  the import of pathlib takes time
        request = {"command": arguments, "directory": directory, "environment": dict(os.environ)}
        socket.send_fds(server, [json.dumps(request).encode()], [0, 1, 2])
        fork = int(server.recv(64))

        def pass_on(number: int, _: object) -> None:
            with suppress(ProcessLookupError):  # the fork has just ended
                os.killpg(fork, number)

        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, pass_on)
        status = server.recv(64)
    sys.exit(int(status) if status else 1)


main()
