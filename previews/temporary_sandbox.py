"""A temporary sandbox: emulated clouds and a copy of the stacks' config, for one preview or test.

A temporary sandbox does not affect other sandboxes that run at the same time. `pulumi stack init` writes a salt into
the config of a stack. Only the copy gets this salt, and the git checkout stays unchanged.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from emulation import services
from emulation.engine.command import pulumi
from emulation.engine.find import Engine, Report, ensure_engine
from emulation.layout import Sandbox
from local import operator
from local.checkout import CHECKOUT
from local.stack import PASSPHRASE

_LINKED = (".venv", "Pulumi.yaml", "contract", "infra", "policies", "registry", "workers")


@dataclass(frozen=True)
class TemporarySandbox:
    """The emulated clouds of one preview or test. `pulumi` runs in the directory `project`, which has a copy of
    `stacks/`. The other directories that the Pulumi program imports are links in `project`.
    """

    clouds: Sandbox
    engine: Engine
    project: Path

    def pulumi(self, *arguments: str, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        """Runs a `pulumi` command and captures its output as text. `env` has additional environment variables for the
        command.
        """
        return pulumi(self.engine, self.clouds, self.project, *arguments, passphrase=PASSPHRASE, env=env)

    def new_stack(self, name: str) -> None:
        """Creates a Pulumi stack in the temporary sandbox (emulated clouds for one preview or test), from the stack's
        config. Before that, creates what the Pulumi program expects to exist: secrets, the Cloudflare zone, and the
        permissions boundary.
        """
        operator.make_keys(self.clouds, name, self.project / "stacks")
        operator.add_edge_zone(self.clouds, name, self.project / "stacks")
        operator.create_boundary(self.clouds, name, self.project / "stacks")
        self.pulumi("stack", "init", name)


@contextmanager
def temporary_sandbox(loopback: str, report: Report) -> Generator[TemporarySandbox]:
    """Starts emulated clouds for a `with` block. At the end of the block, stops all of their processes and deletes the
    sandbox's directory.
    """
    engine = ensure_engine(report)
    directory = Path(tempfile.mkdtemp(prefix="ae-"))
    directory.chmod(0o755)  # the user that runs Traffic Server must be able to read the sandbox's directory
    sandbox = Sandbox(directory=directory, loopback=loopback)
    try:
        services.start(sandbox, services.CLOUDS)
        yield TemporarySandbox(sandbox, engine, _project(directory / "project"))
    finally:
        services.stop_all(sandbox)
        shutil.rmtree(directory)


def _project(directory: Path) -> Path:
    directory.mkdir()
    for name in _LINKED:
        (directory / name).symlink_to(CHECKOUT / name)
    shutil.copytree(CHECKOUT / "stacks", directory / "stacks")
    return directory
