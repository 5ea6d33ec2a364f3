"""Tests which lines of the Pulumi engine's output `make up` prints after a failure of the engine."""

from __future__ import annotations

from local.stack import reasons

LOCKED = """\
error: the stack is currently locked by 1 lock(s). Either wait for the other process(es) to end or cancel...
  file:///sandbox/locks/1.json: created by ann@laptop (pid 4711) at 2026-11-26T10:00:00Z
"""
MISCONFIGURED = """\
    pulumi:pulumi:Stack artifact-edge-local running error: artifact-edge:shields[1].nodes: 'many' is not accepted
Diagnostics:
  pulumi:pulumi:Stack (artifact-edge-local):
    error: artifact-edge:shields[1].nodes: 'many' is not accepted
    artifact-edge:shields[2].nodes: 'many' is not accepted
  aws:s3:Bucket (logs):
    error: update failed

Resources:
    1 errored
"""


def test_the_holder_of_a_lock_is_shown() -> None:
    first, holder = reasons(LOCKED)
    assert first.startswith("the stack is currently locked")
    assert holder == "file:///sandbox/locks/1.json: created by ann@laptop (pid 4711) at 2026-11-26T10:00:00Z"


def test_each_wrong_setting_is_shown_once() -> None:
    assert list(reasons(MISCONFIGURED)) == [
        "artifact-edge:shields[1].nodes: 'many' is not accepted",
        "artifact-edge:shields[2].nodes: 'many' is not accepted",
    ]
