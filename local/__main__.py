"""Runs a sandbox on this machine (`python -m local`). The sandbox consists of emulated clouds, the edge network,
shields (regional caches) and clients. It needs no cloud account.
"""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from emulation import processes
from emulation.engine.environment import forget_other_clouds, shell_environment
from emulation.engine.find import EngineError, ensure_engine
from emulation.layout import Sandbox
from emulation.processes import ProcessError
from emulation.services import AddressTaken
from local import client_files as client_archive
from local import client_shell, instructions, machines, prerequisites
from local.checkout import SANDBOX_DIRECTORY
from local.clients import Identity, NoClient, configured
from local.down import down as take_down
from local.health import NotHealthy, unhealthy
from local.operator import OperatorError
from local.prerequisites import PrerequisiteError
from local.progress import since_the_start
from local.relay import PortTaken
from local.serve import RunningError
from local.serve import serve as run_in_foreground
from local.stack import PASSPHRASE, LocalStack, StackError
from local.up import BusyError
from local.up import up as bring_up


class Interrupted(Exception):
    """Raised when the user has pressed Ctrl-C during a command. The message says how to continue the command."""


# Errors that a user can correct. The message of each error contains the remedy, so the commands print only the message.
_ENDINGS = (
    PrerequisiteError,
    EngineError,
    ProcessError,
    StackError,
    OperatorError,
    NotHealthy,
    BusyError,
    NoClient,
    AddressTaken,
    PortTaken,
    RunningError,
    Interrupted,
)

Directory = Annotated[Path, typer.Option(help="directory of the sandbox", show_default=".sandbox in the checkout")]

# The port at which `python -m local serve` offers a proxy to other machines. With `--address 0.0.0.0`, the proxy
# listens on all addresses. Its port must therefore differ from the port of the sandbox's own proxies.
_SERVE_PORT = 3129
_SERVED_AT = f"http://localhost:{_SERVE_PORT}"

app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__)


@app.command()
def up(directory: Directory = SANDBOX_DIRECTORY) -> None:
    """Start the emulated clouds, provision stack `local`, publish sample packages and print how to install them."""
    sandbox = Sandbox(directory=directory.resolve())
    try:
        url = bring_up(sandbox, since_the_start())
    except KeyboardInterrupt:
        raise Interrupted("interrupted; `make up` continues, and `make down` ends what was started") from None
    print("", *instructions.lines(sandbox, url), sep="\n")


@app.command()
def down(directory: Directory = SANDBOX_DIRECTORY) -> None:
    """Destroy stack `local` and end every process of the sandbox."""
    take_down(Sandbox(directory=directory.resolve()), since_the_start())


@app.command()
def env(directory: Directory = SANDBOX_DIRECTORY) -> None:
    """Print the environment variables for `pulumi` and `python -m` commands. Usage: eval "$(python -m local env)"."""
    sandbox = Sandbox(directory=directory.resolve())
    prerequisites.check_directory(sandbox)
    environment = shell_environment(ensure_engine(_to_stderr), sandbox, passphrase=PASSPHRASE)
    for name, value in environment.items():
        print(f"export {name}={shlex.quote(value)}")


@app.command()
def client(
    identity: Annotated[
        Identity, typer.Argument(help="identity that the shell's npm, pip, uv and skopeo authenticate with")
    ],
    directory: Directory = SANDBOX_DIRECTORY,
) -> None:
    """Print the environment variables of a client's shell. Usage: eval "$(python -m local client reader)"."""
    sandbox = Sandbox(directory=directory.resolve())
    print(*client_shell.exports(configured(sandbox, identity.value)), sep="\n")


@app.command()
def client_files(
    identity: Annotated[Identity, typer.Argument(help="identity that the other machine's programs authenticate with")],
    target: Annotated[Path, typer.Argument(help="absolute path of the client's directory on the other machine")],
    proxy: Annotated[str, typer.Option(help="URL of the proxy, as the other machine reaches it")] = _SERVED_AT,
    directory: Directory = SANDBOX_DIRECTORY,
) -> None:
    """Write a tar archive with the client configuration that another machine needs to use `python -m local serve`."""
    if not target.is_absolute():
        raise typer.BadParameter(f"{target} is not an absolute path", param_hint="TARGET")
    sandbox = Sandbox(directory=directory.resolve())
    sys.stdout.buffer.write(client_archive.packed(configured(sandbox, identity.value), target, proxy))


@app.command()
def serve(
    port: Annotated[int, typer.Option(help="port of the proxy that clients on other machines use")] = _SERVE_PORT,
    address: Annotated[
        str, typer.Option(help="address to listen on; 0.0.0.0 accepts connections from other machines")
    ] = "127.0.0.1",
    directory: Directory = SANDBOX_DIRECTORY,
) -> None:
    """Start the sandbox, serve one port to clients on other machines, and end everything at Ctrl-C or SIGTERM."""
    run_in_foreground(Sandbox(directory=directory.resolve()), address, port, since_the_start())


@app.command()
def engine() -> None:
    """Download or build the Pulumi engine. The other commands also do this when the engine is missing."""
    print(ensure_engine(since_the_start()).pulumi)


@app.command()
def status(directory: Directory = SANDBOX_DIRECTORY) -> None:
    """List the processes of the sandbox, and fail when a machine is stopped or a tier does not answer."""
    sandbox = Sandbox(directory=directory.resolve())
    for name in processes.names(sandbox):
        pid = processes.pid_of(sandbox, name)
        print(f"{name:<40} {f'pid {pid}' if pid else 'ended'}")
    outputs = LocalStack(ensure_engine(_to_stderr), sandbox).outputs()
    faults = [
        *(f"machine {name} was stopped by hand; `make up` starts it" for name in machines.stopped(sandbox, outputs)),
        *(f"{name} does not answer" for name in unhealthy(sandbox, outputs)),
    ]
    for fault in faults:
        print(fault, file=sys.stderr)
    raise typer.Exit(1 if faults else 0)


def _to_stderr(line: str) -> None:
    print(line, file=sys.stderr)


def main() -> None:
    forget_other_clouds()
    try:
        app()
    except _ENDINGS as error:
        sys.exit("\n".join(f"error: {line}" for line in str(error).splitlines()))


if __name__ == "__main__":
    main()
