"""Where this machine has PostgreSQL's programs, which stand for Spanner's database."""

from __future__ import annotations

import shutil
from pathlib import Path

# Debian keeps its servers here, by version, off the PATH.
_POSTGRES = Path("/usr/lib/postgresql")


def postgres_programs() -> Path | None:
    """Where the newest PostgreSQL server, its initdb and its pg_ctl are; None where there is no server."""
    found = shutil.which("postgres")
    here = [Path(found).resolve().parent] if found else []
    debian = sorted(_POSTGRES.glob("*/bin/postgres"), key=lambda program: float(program.parts[-3]))
    return next(iter([*here, *(program.parent for program in reversed(debian))]), None)
