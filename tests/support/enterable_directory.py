"""A temporary directory for programs that run as another user, such as PostgreSQL and Traffic Server."""

from __future__ import annotations

import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def enterable_directory() -> Generator[Path]:
    """Makes a temporary directory that all users may enter, and deletes the directory after the `with` block. Programs
    that run as another user, such as Traffic Server, need such a directory. The directory's path is short, because the
    operating system limits the length of socket paths.

    The pytest fixture `tmp_path` does not work for these programs. When another run of pytest starts, pytest removes
    other users' access to the parent of such directories.
    """
    with tempfile.TemporaryDirectory(prefix="ae-") as name:
        directory = Path(name)
        directory.chmod(0o755)
        yield directory
