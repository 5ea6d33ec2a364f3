"""Records why a machine of a sandbox (emulated clouds) does not boot. `make up` reads the reason instead of waiting for
the machine.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from emulation.layout import Sandbox


def record(sandbox: Sandbox, address: str, reason: str) -> None:
    """Records that the machine with the public address `address` does not boot."""
    _file(sandbox, address).write_text(reason)


def forget(sandbox: Sandbox, address: str) -> None:
    _file(sandbox, address).unlink(missing_ok=True)


def forget_all(sandbox: Sandbox) -> None:
    for file in _file(sandbox, "x").parent.iterdir():
        file.unlink()


def reason(sandbox: Sandbox, address: str) -> str:
    """Returns why the machine with the public address `address` does not boot. Returns an empty string for a machine
    that has booted or can still boot.
    """
    with suppress(FileNotFoundError):
        return _file(sandbox, address).read_text()
    return ""


def _file(sandbox: Sandbox, address: str) -> Path:
    return sandbox.path("run", "refusals", address)
