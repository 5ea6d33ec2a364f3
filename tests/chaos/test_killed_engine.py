"""Kills `pulumi up` and `pulumi destroy` at pseudo-random moments, then repairs the Pulumi state as docs/state.md
describes.

`make test-kills` runs all tests of this folder, which takes 30 to 50 minutes. The moments depend only on a number,
which is part of the test's name. You can therefore repeat a failed test with pytest's option `-k`.
"""

from __future__ import annotations

import json
import random

import pytest

from drift.__main__ import differences
from drift.aws import compare
from drift.state import State, read
from local.stack import STACK
from tests.chaos.faults import Stack

MOMENTS = 50
SEED = 24
# The maximum number of state writes after which a test kills `pulumi up` or `pulumi destroy`. Each test chooses a
# random number up to this maximum. The stack has about 200 resources. The engine writes the Pulumi state at the start
# and at the end of the operation on each resource.
WRITES = {"up": 340, "destroy": 340}


def moments(number: int) -> tuple[int, int]:
    """Chooses when the test with the given number kills `pulumi up` and `pulumi destroy`.

    Returns two integers. The test kills `pulumi up` when it has written the Pulumi state as many times as the first
    integer says. The second integer applies to `pulumi destroy`.
    """
    chosen = random.Random(f"{SEED} {number}")  # noqa: S311  no secret
    return chosen.randint(1, WRITES["up"]), chosen.randint(1, WRITES["destroy"])


def test_ctrl_c_once_leaves_no_lock_and_nothing_to_repair(stack: Stack) -> None:
    for operation in ("up", "destroy"):
        assert "^C received; cancelling" in stack.interrupt(operation, 60, times=1)
        exported = json.loads(stack.pulumi("stack", "export"))
        assert exported["deployment"]["resources"]
        assert exported["deployment"].get("pending_operations", []) == []
        assert differences(read(exported)) == []
        stack.pulumi(operation, "--yes", "--skip-preview")


def test_one_command_repairs_the_state_after_ctrl_c_twice(stack: Stack) -> None:
    for operation in ("up", "destroy"):
        assert "^C received; terminating" in stack.interrupt(operation, 60, times=2)
        assert "have the same resources" in stack.repair()
        stack.pulumi(operation, "--yes", "--skip-preview")
    assert compare(State("artifact-edge", STACK, [])).lines() == []


@pytest.mark.parametrize("number", range(MOMENTS // 2))
def test_one_command_repairs_the_state_after_a_killed_engine(stack: Stack, number: int) -> None:
    up, destroy = moments(number)

    stack.kill("up", up)
    assert "have the same resources" in stack.repair()
    stack.pulumi("up", "--yes", "--skip-preview")
    stack.pulumi("preview", "--refresh", "--expect-no-changes")

    stack.kill("destroy", destroy)
    assert "have the same resources" in stack.repair()
    stack.pulumi("destroy", "--yes", "--skip-preview")
    assert compare(State("artifact-edge", STACK, [])).lines() == []
