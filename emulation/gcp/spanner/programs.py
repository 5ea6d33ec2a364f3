"""Finds the programs of PostgreSQL, which emulates Spanner's databases, on this machine."""

from __future__ import annotations

import shutil
from pathlib import Path

# Debian keeps its servers here, by version, off the PATH.
_POSTGRES = Path("/usr/lib/postgresql")


def postgres_programs() -> Path | None:
    """Returns the directory with the newest PostgreSQL server, initdb and pg_ctl, or None if PostgreSQL is not
    installed."""
    found = shutil.which("postgres")
    here = [Path(found).resolve().parent] if found else []
    debian = sorted(_POSTGRES.glob("*/bin/postgres"), key=lambda program: float(program.parts[-3]))
    return next(iter([*here, *(program.parent for program in reversed(debian))]), None)
