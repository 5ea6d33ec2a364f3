"""Fills the disk of the Pulumi state, and kills the emulated Pulumi providers, in the middle of `pulumi up` and
`pulumi destroy`. Then repairs the state as docs/state.md describes.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from drift.aws import compare
from drift.state import State
from local.stack import STACK
from tests.chaos.faults import Stack, deployed
from tests.support.runbooks import runbook

PAGE = "docs/state.md"
# The tests cause a fault after Pulumi has written its state this number of times. At this point, `pulumi up` and
# `pulumi destroy` have several operations in progress.
WRITES = 60


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with deployed(small_disk=os.geteuid() == 0) as stack:
        yield stack


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount the small file system that the test fills")
def test_the_state_is_repaired_after_a_full_disk(stack: Stack) -> None:
    told = runbook(PAGE, "A full disk, or a provider that ended")
    message = told.command("no space left on device")
    for operation in ("up", "destroy"):
        with stack.full_disk() as fill:
            assert message in stack.fails(operation, WRITES, fill)
        stack.repair_by_hand(told)
        stack.pulumi(operation, "--yes", "--skip-preview")
    assert compare(State("artifact-edge", STACK, [])).lines() == []


def test_the_state_is_repaired_after_a_provider_ended(stack: Stack) -> None:
    told = runbook(PAGE, "A full disk, or a provider that ended")
    message = told.command("error reading from server")
    for operation in ("up", "destroy"):
        assert message in stack.fails(operation, WRITES, stack.kill_providers)
        stack.start_providers()
        stack.repair_by_hand(told)
        stack.pulumi(operation, "--yes", "--skip-preview")
    assert compare(State("artifact-edge", STACK, [])).lines() == []
