"""Tests which directories are allowed for a sandbox. Also tests the error messages for other directories."""

from __future__ import annotations

from pathlib import Path

import pytest

from emulation.layout import Sandbox
from local import __main__ as program
from local.prerequisites import PrerequisiteError, check_content, check_directory

COMMANDS = ["up", "down", "env", "serve"]


def printed(command: str, directory: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Returns the output of `python -m local <command> --directory <directory>`."""
    monkeypatch.setattr("sys.argv", ["local", command, "--directory", str(directory)])
    with pytest.raises(SystemExit) as ended:
        program.main()
    return str(ended.value)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_file_is_refused(command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "file"
    file.write_text("kept")
    assert printed(command, file, monkeypatch).startswith(f"error: {file} is not a directory")
    assert file.read_text() == "kept"


@pytest.mark.parametrize("command", [command for command in COMMANDS if command != "down"])
@pytest.mark.parametrize("parent", ["/dev/null", "/proc"])
def test_a_path_that_cannot_be_created_is_refused(command: str, parent: str, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = Path(parent) / "sandbox"
    said = printed(command, directory, monkeypatch)
    assert said.startswith(f"error: cannot write to the sandbox's directory {directory}: ")
    assert "--directory" in said


@pytest.mark.parametrize("command", COMMANDS)
def test_a_directory_with_files_of_a_user_is_refused(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "thesis.tex").write_text("kept")
    (tmp_path / "run").mkdir()
    assert printed(command, tmp_path, monkeypatch).startswith(f"error: {tmp_path} contains files that no sandbox made")
    assert (tmp_path / "thesis.tex").read_text() == "kept"


@pytest.mark.parametrize("part", [None, "run/lock", "pulumi/state"])
def test_an_empty_or_used_directory_is_taken(part: str | None, tmp_path: Path) -> None:
    sandbox = Sandbox(directory=tmp_path)
    if part:
        sandbox.path(part).touch()
        sandbox.path("loopback").touch()
    check_content(sandbox)


def test_a_directory_that_does_not_exist_is_created(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    directory = tmp_path / "a" / "b"
    try:
        check_directory(Sandbox(directory=directory))
    except PrerequisiteError as error:
        # check_directory creates `directory`. If other users cannot enter pytest's temporary directory, it then raises
        # PrerequisiteError.
        assert "cannot enter" in str(error)
    assert directory.is_dir()
