"""Tests that `make down` removes an incomplete sandbox. Either its stack was never created, or its `make up` was
killed.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from emulation import processes
from emulation.engine.find import Engine, Report
from emulation.layout import Sandbox
from local import down
from local.stack import StackError
from tests.support.waiting import eventually

# A script that replaces the Pulumi engine. `stack ls` prints the list of stacks in the file `stacks`. Every other
# command, such as `destroy`, fails.
ENGINE = """\
#!/bin/sh
case "$1 $2" in
"stack ls") cat "$(dirname "$0")/stacks" ;;
*) echo "error: no stack selected" >&2; exit 255 ;;
esac
"""

# A stand-in for the Pulumi engine, for a test in which an earlier engine still holds the stack's lock. The script fails
# like the real engine until the earlier engine has ended.
ENGINE_AFTER_ANOTHER = """\
#!/bin/sh
case "$1 $2" in
"stack ls") echo '[{"name": "local"}]' ;;
*) [ -e "$(dirname "$0")/ended" ] || { echo "error: the stack is currently locked" >&2; exit 255; } ;;
esac
"""
PREVIOUS_ENGINE = 'trap "touch ended; exit" TERM; touch started; while :; do sleep 0.1; done'


@pytest.fixture
def sandbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    """Creates a sandbox with the script ENGINE in place of its Pulumi engine. No emulated cloud is running, but
    `make down` is told that all of them are.
    """
    engine = tmp_path / "pulumi"
    engine.write_text(ENGINE)
    engine.chmod(0o755)

    def find(report: Report) -> Engine:
        return Engine(engine)

    monkeypatch.setattr(down, "ensure_engine", find)
    monkeypatch.setattr(down, "_clouds_run", lambda sandbox: True)  # pyright: ignore
    sandbox = Sandbox(directory=tmp_path / "sandbox", loopback="127.62")
    sandbox.path("run", "lock").touch()
    return sandbox


def test_a_sandbox_whose_stack_was_never_created_is_removed(sandbox: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "stacks").write_text("[]")
    said: list[str] = []
    down.down(sandbox, said.append)
    assert not sandbox.directory.exists()
    assert said == ["ending every process"]


def test_the_logs_of_a_stack_that_cannot_be_destroyed_are_kept(sandbox: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "stacks").write_text('[{"name": "local"}]')
    with pytest.raises(StackError, match="no stack selected"):
        down.down(sandbox, lambda line: None)
    assert sandbox.path("logs", "pulumi.log").exists()


def test_an_engine_whose_make_up_was_killed_ends_before_the_stack_is_destroyed(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    (tmp_path / "pulumi").write_text(ENGINE_AFTER_ANOTHER)
    with subprocess.Popen(["sh", "-c", PREVIOUS_ENGINE], cwd=tmp_path, start_new_session=True) as engine:
        try:
            assert eventually(lambda: (tmp_path / "started").exists())
            processes.record(sandbox, f"engine-{engine.pid}", engine.pid)
            down.down(sandbox, lambda line: None)
            assert engine.poll() is not None
        finally:
            engine.kill()
    assert not sandbox.directory.exists()
