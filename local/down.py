"""`make down`: destroys the stack, ends every process of the sandbox and deletes its directory."""

from __future__ import annotations

import shutil

from emulation import processes, services
from emulation.engine.find import Report, ensure_engine
from emulation.layout import Sandbox
from local.stack import LocalStack
from local.up import alone


def down(sandbox: Sandbox, report: Report) -> None:
    """Ends the sandbox. When the stack cannot be destroyed everything is ended all the same, for what is emulated costs
    nothing; StackError then says why, and the directory stays, with the logs."""
    if not sandbox.directory.exists():
        report("nothing is up")
        return
    with alone(sandbox):
        try:
            if _clouds_run(sandbox):
                report("destroying the stack")
                LocalStack(ensure_engine(report), sandbox).destroy()
        finally:
            report("ending all processes")
            services.stop_all(sandbox)
        shutil.rmtree(sandbox.directory)


def _clouds_run(sandbox: Sandbox) -> bool:
    """Without them there is nothing left to destroy: what they held went with them."""
    return all(processes.pid_of(sandbox, service.name) is not None for service in services.CLOUDS)
