"""Watches a release by percentage, and rolls it back by itself when the new version is worse."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from rollout import RolloutError
from rollout.error_rates import ErrorRates
from rollout.verdict import Counts, Rule, Verdict, verdict
from rollout.worker import Serving, Version, Worker

_NONE = Counts(0, 0)


@dataclass(frozen=True)
class Waiting:
    """How a watch waits: the seconds between two queries, and the longest time for one step in seconds. The functions
    are those of the module `time`.
    """

    every: float
    longest: float
    clock: Callable[[], float]
    sleep: Callable[[float], None]


def counts(serving: Serving, rates: ErrorRates) -> tuple[Counts, Counts]:
    """Returns the counts of the new and the old version since the deployment."""
    found = rates.since(serving.since)
    new, _ = serving.under_way()
    return found.get(new.id, _NONE), found.get(serving.old.id, _NONE)


def watch(
    worker: Worker, rates: ErrorRates, rule: Rule, steps: Sequence[int], waiting: Waiting, say: Callable[[str], None]
) -> Verdict:
    """Watches the release that is under way. Advances it to the next of `steps` each time that the new version is good,
    and rolls it back once it is worse.

    Returns WORSE after a rollback, and UNDECIDED if there were too few requests in time. The split then stays.
    """
    if list(steps) != sorted(set(steps)):
        raise RolloutError(f"the percentages must grow: {', '.join(map(str, steps))}")
    for step in (*steps, None):
        serving = worker.serving()
        if serving.new is None:
            return Verdict.GOOD
        found = _decided(worker, serving, rates, rule, waiting, say)
        if found is Verdict.WORSE:
            left, kept = worker.roll_back()
            say(f"rolled back: {kept.name} answers all requests, {left.name} none")
        if found is not Verdict.GOOD:
            return found
        if step is not None:
            worker.advance(step)
            say(f"{serving.new.name} answers {step} % of the requests")
    return Verdict.GOOD


def _decided(
    worker: Worker, serving: Serving, rates: ErrorRates, rule: Rule, waiting: Waiting, say: Callable[[str], None]
) -> Verdict:
    """Returns the verdict on the new version of a deployment, once there is one."""
    new, percentage = serving.under_way()
    deadline = waiting.clock() + waiting.longest
    tests, last, found = 0, None, Verdict.UNDECIDED
    while found is Verdict.UNDECIDED and waiting.clock() < deadline:
        current = counts(serving, rates)
        if worker.serving().id != serving.id:
            raise RolloutError("somebody else changed the deployment; start the watch again")
        if current != last and min(each.requests for each in current) >= rule.minimum:
            tests += 1
            found = verdict(*current, rule, tests)
        if current != last:
            say("; ".join(described(new, percentage, serving.old, current)))
        last = current
        if found is Verdict.UNDECIDED:
            waiting.sleep(waiting.every)
    say(f"{new.name} at {percentage:g} %: {found.value}")
    return found


def described(new: Version, percentage: float, old: Version, current: tuple[Counts, Counts]) -> Iterator[str]:
    """Yields for each version of a deployment a text with its percentage, its requests and its errors."""
    for version, share, found in ((new, percentage, current[0]), (old, 100 - percentage, current[1])):
        rate = f"{found.rate * 100:.2f} %"
        yield f"{version.name} at {share:g} %: {found.requests} requests, {found.errors} errors ({rate})"
