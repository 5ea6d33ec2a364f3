"""The mutation run over prod: `python -m tests.policies.mutations`; with `--write` docs/policies.md keeps it."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence

from policies.reference import HEADING, PAGE
from tests.policies.mutations import Outcome, ungoverned
from tests.policies.mutations.catalog import MUTATIONS, UNREAD
from tests.policies.mutations.stacks import Whole, whole_stacks
from tests.policies.resources import NAMES

SECTION = "\n## Mutation run\n"


def report(stacks: Sequence[Whole]) -> Iterator[str]:
    """The summary, a line a policy, and every broken resource that passed."""
    found = [outcome for stack in stacks for outcome in stack.broken()]
    caught = sum(bool(each.said) for each in found)
    named = " and ".join(f"{stack.title} ({len(stack.resources)})" for stack in stacks)
    yield f"**{caught} of {len(found)} broken resources caught ({caught / len(found):.1%})**, in {len(MUTATIONS)} ways"
    yield f"to break the resources of {named}."
    yield ""
    yield "| policy | ways | broken | caught |"
    yield "| --- | --- | --- | --- |"
    yield from (_line(name, [each for each in found if each.mutation.policy == name]) for name in NAMES)
    yield ""
    yield from (
        f"NOT CAUGHT: {each.mutation.policy}, {each.mutation.how}: {each.resource}" for each in found if not each.said
    )
    yield "Types that no policy reads, and why:"
    yield ""
    unread = {token for stack in stacks for token in ungoverned(stack.resources, MUTATIONS)}
    yield from (f"- `{token}`: {UNREAD.get(token, 'NOT EXPLAINED')}" for token in sorted(unread))


def _line(policy: str, of_policy: Sequence[Outcome]) -> str:
    ways = len({each.mutation.how for each in of_policy})
    return f"| `{policy}` | {ways} | {len(of_policy)} | {sum(bool(each.said) for each in of_policy)} |"


def page(written: str, lines: Sequence[str]) -> str:
    """The page with the section in the place of its last one, before the list of all policies."""
    before, _, rest = written.partition(SECTION)
    above = before if rest else before.split(HEADING)[0]
    table = written.split(HEADING)[1]
    about = (
        "\nWritten by `python -m tests.policies.mutations --write`. Each resource is broken as a careless change would"
        "\nbreak it, and the policy that should mind is asked; a test fails for what is not caught.\n\n"
    )
    return "".join((above, SECTION, about, "\n".join(lines), "\n", HEADING, table))


if __name__ == "__main__":
    lines = list(report(whole_stacks()))
    if "--write" in sys.argv:
        PAGE.write_text(page(PAGE.read_text(), lines))
    print("\n".join(lines))
