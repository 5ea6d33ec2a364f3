"""Watches a release in which the new version of the edge worker answers only a percentage of the requests. Rolls the
release back automatically if the new version fails more often than the old one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from cloudflare import APIConnectionError, InternalServerError, RateLimitError

from rollout import RolloutError
from rollout.error_rates import ErrorRates
from rollout.verdict import Counts, Rule, Verdict, verdict
from rollout.worker import Serving, Version, Worker

_NONE = Counts(0, 0)
# The errors of Cloudflare's API that pass. They come after the retries of Cloudflare's SDK, which last some seconds.
_PASSING = (APIConnectionError, InternalServerError, RateLimitError)
_Answer = TypeVar("_Answer")


@dataclass(frozen=True)
class Waiting:
    """The timing of a program that watches a release. `every` is the number of seconds between two queries for the
    numbers of requests and errors. `longest` is the maximum number of seconds for which the program watches the release
    at one percentage, and for which it repeats a call that Cloudflare's API does not answer. `clock` and `sleep` are
    functions such as `monotonic` and `sleep` of the module `time`.
    """

    every: float
    longest: float
    clock: Callable[[], float]
    sleep: Callable[[float], None]


def counts(serving: Serving, rates: ErrorRates) -> tuple[Counts, Counts]:
    """Returns the numbers of requests and errors since the deployment of the edge worker: first those of the new
    version, then those of the old version.
    """
    found = rates.since(serving.since)
    new, _ = serving.under_way()
    return found.get(new.id, _NONE), found.get(serving.old.id, _NONE)


def watch(
    worker: Worker, rates: ErrorRates, rule: Rule, steps: Sequence[int], waiting: Waiting, say: Callable[[str], None]
) -> Verdict:
    """Watches the release that is under way. `steps` are the percentages of requests that the new version gets, in
    increasing order. Each time the new version proves good, the function advances the release to the next percentage.
    If the new version is worse than the old one, the function rolls the release back.

    Returns GOOD after the last step, and WORSE after a rollback. Returns UNDECIDED if too few requests arrive before
    the watch times out. Both versions then keep their percentages.

    The watch goes on while Cloudflare's API fails, because nobody would notice a worse version without it.
    """
    if list(steps) != sorted(set(steps)):
        raise RolloutError(f"the percentages must grow: {', '.join(map(str, steps))}")
    if steps:
        worker.serving().check_advance(steps[0])
    for step in (*steps, None):
        serving = _answered(worker.serving, waiting, say)
        if serving.new is None:
            return Verdict.GOOD
        found = _decided(worker, serving, rates, rule, waiting, say)
        if found is Verdict.WORSE:
            _answered(lambda serving=serving: _roll_back(worker, serving), waiting, say)
            say(f"rolled back: {serving.old.name} answers all requests, {serving.new.name} none")
        if found is not Verdict.GOOD:
            return found
        if step is not None:
            worker.advance(step)
            say(f"{serving.new.name} answers {step} % of the requests")
    return Verdict.GOOD


def _roll_back(worker: Worker, serving: Serving) -> None:
    """Rolls the release `serving` back. Does nothing if the old version answers all requests already, as after a
    rollback whose answer from Cloudflare was lost. A second rollback would go back to an even older version.
    """
    if worker.deployment_id() == serving.id:
        worker.roll_back()
        return
    now = worker.serving()
    if now.new is not None or now.old.id != serving.old.id:
        raise _changed()


def _changed() -> RolloutError:
    return RolloutError("somebody else changed the deployment; start the watch again")


def _answered(call: Callable[[], _Answer], waiting: Waiting, say: Callable[[str], None]) -> _Answer:
    """Returns the result of `call`, which uses Cloudflare's API. Repeats the call while the API fails, and raises the
    API's error if the API fails for too long.
    """
    deadline = waiting.clock() + waiting.longest
    while True:
        try:
            return call()
        except _PASSING as error:
            if waiting.clock() >= deadline:
                raise
            say(f"Cloudflare's API fails, trying again: {error}")
            waiting.sleep(waiting.every)


def _decided(
    worker: Worker, serving: Serving, rates: ErrorRates, rule: Rule, waiting: Waiting, say: Callable[[str], None]
) -> Verdict:
    """Compares the error rates of the new and the old version of the edge worker at intervals with a statistical test
    (verdict.py), until the verdict is GOOD or WORSE. Returns this verdict, or UNDECIDED if there is none in time.
    """
    new, percentage = serving.under_way()
    deadline = waiting.clock() + waiting.longest
    tests, last, found = 0, None, Verdict.UNDECIDED
    while found is Verdict.UNDECIDED and waiting.clock() < deadline:
        current = _answered(lambda: counts(serving, rates), waiting, say)
        if _answered(worker.deployment_id, waiting, say) != serving.id:
            raise _changed()
        if current != last:
            say("; ".join(described(new, percentage, serving.old, current)))
            if min(each.requests for each in current) >= rule.minimum:
                tests += 1
                found = verdict(*current, rule, tests)
        last = current
        if found is Verdict.UNDECIDED:
            waiting.sleep(waiting.every)
    say(f"{new.name} at {percentage:g} %: {found.value}")
    return found


def described(new: Version, percentage: float, old: Version, current: tuple[Counts, Counts]) -> Iterator[str]:
    """Yields two descriptions: the first of the new version of the edge worker, and the second of the old version. Each
    description states the version's percentage of the requests, and the numbers of its requests and errors. `current`
    has the counts of the new version, and then those of the old version.
    """
    for version, share, found in ((new, percentage, current[0]), (old, 100 - percentage, current[1])):
        rate = f"{found.rate * 100:.2f} %"
        yield f"{version.name} at {share:g} %: {found.requests} requests, {found.errors} errors ({rate})"
