"""`make down`: destroys the stack, ends every process of the sandbox and deletes its directory."""

from __future__ import annotations

import shutil

from emulation import processes, services
from emulation.engine.command import end_engines
from emulation.engine.find import Report, ensure_engine
from emulation.layout import Sandbox
from local import prerequisites
from local.stack import LocalStack
from local.up import alone


def down(sandbox: Sandbox, report: Report) -> None:
    """Destroys the stack, ends all processes and deletes the sandbox's directory.

    If the Pulumi engine cannot destroy the stack, the function still ends all processes, because emulated resources
    cost nothing. In this case, the directory with the logs stays, and StackError says why the stack was not destroyed.
    """
    if not sandbox.directory.exists():
        report("no sandbox is running")
        return
    prerequisites.check_content(sandbox)
    with alone(sandbox):
        try:
            end_engines(sandbox)
            if _clouds_run(sandbox):
                stack = LocalStack(ensure_engine(report), sandbox)
                if stack.exists():
                    report("destroying the stack")
                    stack.destroy()
        finally:
            report("ending every process")
            services.stop_all(sandbox)
        shutil.rmtree(sandbox.directory)


def _clouds_run(sandbox: Sandbox) -> bool:
    """Returns whether all emulated clouds run. An emulated cloud that has stopped has lost its resources, so `make
    down` then skips `pulumi destroy`.
    """
    return all(processes.pid_of(sandbox, service.name) is not None for service in services.CLOUDS)
