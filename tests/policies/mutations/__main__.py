"""Breaks the resources of the stack prod one at a time, and reports the faults that the policies do not detect: `python
-m tests.policies.mutations`.

`--write` writes the report to docs/policy-list.md.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
import textwrap
from collections.abc import Iterator, Mapping, Sequence

from pulumi_policy import Policy

from policies import reference, rules
from policies.reference import HEADING, PAGE
from tests.policies.mutations import Outcome, ungoverned
from tests.policies.mutations.catalog import MUTATIONS, UNREAD
from tests.policies.mutations.stacks import PolicyStack, policy_stacks
from tests.policies.resources import NAMES
from tests.policies.violations.catalog import VIOLATIONS

SECTION = "\n## Mutation run\n"

# The maximum length of a line of prose on a page.
_WIDTH = 120

_ABOUT = """
`python -m tests.policies.mutations --write` writes this section. Each mutation changes a resource as a careless change
to the program would. The run checks whether the policy that forbids the change reports it. A test fails for a changed
resource that its policy accepts, and for a policy without a mutation.

The share means that every policy notices every change that is listed for it, wherever the program registers such a
resource. Each mutation is written for the policy that it tests, so the share is 100 % by construction. The share does
not mean that the pack notices every careless change: it counts no change that no policy covers, and no value that no
mutation tries. When a review tried 214 changes without reading the pack, 43 had no finding while this share was 100 %.

`tests/policies/violations` measures the pack as a whole: {violations} bad changes to prod, each of which a policy has
to report, with prod's settings. These changes are no proof of completeness either.

"""


def report(stacks: Sequence[PolicyStack], found: Sequence[Outcome]) -> Iterator[str]:
    """Yields the lines of the mutation report. The report has a summary and one line for each policy rule. It also has
    one line for each broken resource that no rule reports.
    """
    caught = sum(bool(each.reported) for each in found)
    named = ", ".join(f"{stack.title} ({len(stack.resources)})" for stack in stacks)
    yield f"**{caught} of {len(found)} changed resources noticed ({caught / len(found):.1%})**, by {len(MUTATIONS)}"
    yield from textwrap.wrap(f"mutations of the resources of {named}.", _WIDTH)
    yield ""
    yield "| policy | rule | mutations | changed resources | noticed |"
    yield "| --- | --- | --- | --- | --- |"
    functions = rule_functions()
    for name in NAMES:
        if of_policy := [each for each in found if each.mutation.policy == name]:
            yield _line(name, functions[name], of_policy)
    yield ""
    yield from (
        f"NOT NOTICED: {each.mutation.policy}, {each.mutation.how}: {each.resource}"
        for each in found
        if not each.reported
    )
    yield "Types that no policy reads, and why:"
    yield ""
    unread = {token for stack in stacks for token in ungoverned(stack.resources, MUTATIONS)}
    yield from (f"- `{token}`: {UNREAD.get(token, 'NOT EXPLAINED')}" for token in sorted(unread))


def rule_functions() -> Mapping[str, str]:
    """Maps the name of each policy to the name of the function that declares the policy. An example of such a function
    is `storage.versioned` in `policies/rules`.
    """
    return {
        value.name: f"{module.name}.{function}"
        for module in pkgutil.iter_modules(rules.__path__)
        for function, value in vars(importlib.import_module(f"{rules.__name__}.{module.name}")).items()
        if isinstance(value, Policy)
    }


def _line(policy: str, function: str, of_policy: Sequence[Outcome]) -> str:
    mutations = sum(each.policy == policy for each in MUTATIONS)
    noticed = sum(bool(each.reported) for each in of_policy)
    return f"| `{policy}` | `{function}` | {mutations} | {len(of_policy)} | {noticed} |"


def page(written: str, lines: Sequence[str]) -> str:
    """Returns the text of the page docs/policy-list.md with a new mutation report. The new report replaces the previous
    report above the page's list of policies.
    """
    before, _, rest = written.partition(SECTION)
    above = before if rest else before.split(HEADING)[0]
    table = written.split(HEADING)[1]
    return "".join((above, SECTION, _ABOUT.format(violations=len(VIOLATIONS)), "\n".join(lines), "\n", HEADING, table))


if __name__ == "__main__":
    stacks = policy_stacks()
    lines = list(report(stacks, [outcome for stack in stacks for outcome in stack.broken()]))
    if "--write" in sys.argv:
        PAGE.write_text(page(reference.page(PAGE.read_text()), lines))
    print("\n".join(lines))
