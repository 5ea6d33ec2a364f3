"""`make down`: destroys the stack, ends every process of the world and deletes its directory."""

from __future__ import annotations

import shutil

from emulation import processes, services
from emulation.engine.find import Report, ensure_engine
from emulation.layout import World
from local.stack import LocalStack
from local.up import alone


def down(world: World, report: Report) -> None:
    """Ends the world. When the stack cannot be destroyed everything is ended all the same, for what is emulated costs
    nothing; StackError then says why, and the directory stays, with the logs."""
    if not world.directory.exists():
        report("nothing is up")
        return
    with alone(world):
        try:
            if _clouds_run(world):
                report("destroying the stack")
                LocalStack(ensure_engine(report), world).destroy()
        finally:
            report("ending all processes")
            services.stop_all(world)
        shutil.rmtree(world.directory)


def _clouds_run(world: World) -> bool:
    """Without them there is nothing left to destroy: what they held went with them."""
    return all(processes.pid_of(world, service.name) is not None for service in services.CLOUDS)
