"""A temporary directory for programs that run as another user, such as PostgreSQL and Traffic Server."""

from __future__ import annotations

import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def enterable_directory() -> Generator[Path]:
    """Makes a temporary directory that all users may enter, and deletes the directory after the `with` block. Programs
    that run as another user, such as Traffic Server, need such a directory. Its path is short, because the length of a
    socket's path is limited.

    Directories of fixtures such as `tmp_path` do not suit these programs. When another run of pytest starts, pytest
    closes the parent of such directories to other users.
    """
    with tempfile.TemporaryDirectory(prefix="ae-") as name:
        directory = Path(name)
        directory.chmod(0o755)
        yield directory
