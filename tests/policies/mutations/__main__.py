"""The mutation run over prod: `python -m tests.policies.mutations` prints it; `--write` keeps it in docs/policies.md."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from policies.reference import PAGE
from tests.policies.mutations import Outcome, run, ungoverned
from tests.policies.mutations.catalog import MUTATIONS
from tests.policies.resources import NAMES, settings
from tests.unit.harness import Registered
from tests.unit.test_stacks import ON_GOOGLE, first_up

HEADING = "## Mutation run\n"
END = "\n## All policies\n"


def outcomes() -> tuple[Sequence[Registered], list[Outcome]]:
    """All resources of prod, and of prod on Google Cloud alone; and what the pack said of each, broken."""
    registered: list[Registered] = []
    found: list[Outcome] = []
    for changes in ({}, ON_GOOGLE):
        with tempfile.TemporaryDirectory() as directory:
            deployment = first_up("prod", changes, Path(directory))
        registered += deployment.resources
        found += run(deployment.resources, MUTATIONS, settings("prod"))
    return registered, found


def report(registered: Sequence[Registered], found: Sequence[Outcome]) -> Iterator[str]:
    """The summary, a line a policy, and every broken resource that passed."""
    caught = sum(bool(each.said) for each in found)
    kinds = {each.type for each in registered}
    yield f"{caught} of {len(found)} broken resources caught ({caught / len(found):.1%}): prod and prod on Google Cloud"
    yield f"alone, {len(registered)} resources of {len(kinds)} types; {len(MUTATIONS)} ways to break them."
    yield ""
    yield "| policy | ways | broken | caught |"
    yield "| --- | --- | --- | --- |"
    for name in NAMES:
        of_policy = [each for each in found if each.mutation.policy == name]
        ways = len({each.mutation.how for each in of_policy})
        yield f"| `{name}` | {ways} | {len(of_policy)} | {sum(bool(each.said) for each in of_policy)} |"
    yield ""
    for each in found:
        if not each.said:
            yield f"NOT CAUGHT: {each.mutation.policy}, {each.mutation.how}: {each.resource}"
    yield f"Read by no policy: {', '.join(f'`{token}`' for token in sorted(ungoverned(registered, MUTATIONS)))}."


if __name__ == "__main__":
    lines = list(report(*outcomes()))
    if "--write" in sys.argv:
        before, _, rest = PAGE.read_text().partition(HEADING)
        _, end, table = rest.partition(END)
        PAGE.write_text("".join((before, HEADING, "\n", "\n".join(lines), "\n", end, table)))
    print("\n".join(lines))
