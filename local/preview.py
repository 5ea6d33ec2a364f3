"""`make preview`: what `pulumi up` would do to every stack, and whether the policy pack allows it."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

from local.engine.find import Report
from local.layout import CHECKOUT
from local.scratch import Scratch, scratch

STACKS = ("local", "dev", "staging", "prod")
LOOPBACK = "127.76"
"""Beside the address range of `make up`."""

_FINDING = re.compile(r"\s*- \[(mandatory|advisory)\] \[severity: \w+\]\s+(\S+)\s+\((.+)\)")
_ERROR = re.compile(r"\s*error: (?!preview failed)(.+)")
_COUNT = re.compile(r"\s*([+~-]?\s*\d+ (?:to \w+|unchanged))")


def preview(report: Report) -> bool:
    """Whether every stack's plan can be made and meets the policies. What is wrong is reported, a line each."""
    with scratch(LOOPBACK, report) as world:
        verdicts = [_preview(world, stack, report) for stack in STACKS]
    return all(verdicts)


def _preview(world: Scratch, stack: str, report: Report) -> bool:
    started = time.monotonic()
    world.new_stack(stack)
    result = world.pulumi("preview", "--stack", stack, *policies_of(stack))
    lines = (result.stdout + result.stderr).splitlines()
    counts = ", ".join(found[1] for found in map(_COUNT.match, lines) if found)
    verdict = "passes" if result.returncode == 0 else "FAILS"
    report(f"{stack} {verdict}: {counts or 'no plan'} ({time.monotonic() - started:.0f} s)")
    for problem in _problems(lines):
        report(f"  {problem}")
    later = {found[2] for found in map(_FINDING.match, lines) if found and found[1] == "advisory"}
    if later:
        report(f"  to be checked in `up`, when their values are known: {', '.join(sorted(later))}")
    return result.returncode == 0


def policies_of(stack: str) -> list[str]:
    """The options of `pulumi` that put the pack into effect, with the environment's exceptions where it has any."""
    exceptions = CHECKOUT / "policies" / "config" / f"{stack}.json"
    return ["--policy-pack", "policies", *(["--policy-pack-config", str(exceptions)] if exceptions.exists() else [])]


def _problems(lines: list[str]) -> Iterator[str]:
    """Errors, and violations with the resource and what the policy says of it, two lines below."""
    for number, line in enumerate(lines):
        finding, error = _FINDING.match(line), _ERROR.match(line)
        if finding and finding[1] == "mandatory":
            yield f"{finding[2]} ({finding[3]}): {lines[number + 2].strip()}"
        elif error:
            yield error[1]
