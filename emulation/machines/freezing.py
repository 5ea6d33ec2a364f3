"""Freezes emulated machines: the kernel still accepts connections to a machine, but the machine's processes do not
answer."""

from __future__ import annotations

import os
import signal
from collections.abc import Generator
from contextlib import contextmanager

from emulation import processes
from emulation.layout import Sandbox


@contextmanager
def frozen(sandbox: Sandbox, instance_id: str) -> Generator[None]:
    """Stops all processes of a machine with SIGSTOP, and lets them continue when the `with` block ends.

    Raises ProcessError when the machine has no process.
    """
    names = [name for name in processes.names(sandbox) if name.startswith(f"machine-{instance_id}-")]
    groups = [pid for name in names if (pid := processes.pid_of(sandbox, name)) is not None]
    if not groups:
        raise processes.ProcessError(f"machine {instance_id} has no process")
    try:
        for group in groups:
            os.killpg(group, signal.SIGSTOP)
        yield
    finally:
        for group in groups:
            os.killpg(group, signal.SIGCONT)
