"""Finds the PostgreSQL programs on this machine. PostgreSQL stores the databases of the emulated Spanner."""

from __future__ import annotations

import shutil
from pathlib import Path

# The directory in which Debian installs PostgreSQL servers, with one subdirectory for each version. These
# subdirectories are not on PATH.
_POSTGRES = Path("/usr/lib/postgresql")


def postgres_programs() -> Path | None:
    """Returns the directory that contains the programs of the PostgreSQL server, or None if PostgreSQL is not
    installed. A server on PATH takes precedence over Debian's servers. Of Debian's servers, the newest version takes
    precedence.
    """
    found = shutil.which("postgres")
    here = [Path(found).resolve().parent] if found else []
    debian = sorted(_POSTGRES.glob("*/bin/postgres"), key=lambda program: float(program.parts[-3]))
    return next(iter([*here, *(program.parent for program in reversed(debian))]), None)
