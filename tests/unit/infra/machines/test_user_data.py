"""Tests which files of a directory in the checkout are copied to a machine. Bytecode files must not be copied."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from infra.machines.user_data import files_of
from infra.pop import programs


def add_bytecode(directory: Path) -> None:
    """Writes a bytecode file to `directory`. Python writes such a file when it imports a module from the directory."""
    (directory / "__pycache__").mkdir()
    (directory / "__pycache__" / "programcpython-311.pyc").write_bytes(b"\xa7\r\r\n")


def test_bytecode_beside_a_program_is_no_file_of_the_machine(tmp_path: Path) -> None:
    directory = tmp_path / "usr/local/sbin"
    directory.mkdir(parents=True)
    (directory / "program").write_text("print()\n")
    add_bytecode(directory)
    assert [file.path for file in files_of(tmp_path, values={})] == ["/usr/local/sbin/program"]


def test_bytecode_beside_the_programs_of_a_pop_does_not_change_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = programs.bundle()
    copied = tmp_path / "programs"
    shutil.copytree(programs._FILES, copied, ignore=shutil.ignore_patterns("__pycache__"))  # pyright: ignore[reportPrivateUsage]
    add_bytecode(copied)
    monkeypatch.setattr(programs, "_FILES", copied)
    assert programs.bundle() == before
