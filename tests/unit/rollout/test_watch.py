"""Tests gradual releases of the edge worker and their automatic rollback, on the emulated Cloudflare API. In a gradual
release, a growing percentage of the requests goes to the new version.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
from cloudflare import Cloudflare, PermissionDeniedError

from contract.worker_releases import objection
from emulation.cloudflare.in_process import client
from emulation.cloudflare.observability import Invocations
from infra.edge.cloudflare import CACHE_OPTIONS, ENTRYPOINTS, MODULE, worker_version
from rollout import RolloutError
from rollout.error_rates import ErrorRates
from rollout.verdict import Rule, Verdict
from rollout.watch import Waiting, watch
from rollout.worker import Worker

ACCOUNT = "0123456789abcdef0123456789abcdef"
SCRIPT = "example-test-edge"
OLD, NEW = "export default 'old';", "export default 'new';"


@pytest.fixture
def invocations() -> Invocations:
    return Invocations()


@pytest.fixture
def api(tmp_path: Path, invocations: Invocations) -> Cloudflare:
    return client(tmp_path, invocations=invocations)


@pytest.fixture
def worker(api: Cloudflare) -> Worker:
    """Provides a worker with one deployed version, OLD. The fixture deploys this version as `pulumi up` does."""
    deploy(api, OLD)
    return Worker(api, ACCOUNT, SCRIPT)


def deploy(api: Cloudflare, bundle: str, key: str = "secret") -> None:
    """Uploads a worker bundle and deploys it, as `pulumi up` does."""
    bindings = [
        {"name": "TOKEN_SIGNING_KEY", "type": "secret_text", "text": key},
        {"name": "VERSION", "type": "plain_text", "text": worker_version(bundle)},
    ]
    metadata: Any = {
        "main_module": MODULE,
        "compatibility_date": "2026-11-01",
        "bindings": bindings,
        "cache_options": CACHE_OPTIONS,
        "exports": ENTRYPOINTS,
    }
    file = (MODULE, bundle.encode(), "application/javascript+module")
    api.workers.scripts.update(SCRIPT, account_id=ACCOUNT, metadata=metadata, files=[file])


def shares(worker: Worker) -> dict[str, float]:
    """Maps the name of each worker version to the percentage of requests that the version answers."""
    now = worker.serving()
    return {now.old.name: 100 - now.percentage} | ({now.new.name: now.percentage} if now.new else {})


def objections(api: Cloudflare, bundle: str) -> str:
    """Returns the reason why `pulumi up` refuses to upload a bundle now, or an empty string if it does not refuse."""
    path = f"/accounts/{ACCOUNT}/workers/scripts/{SCRIPT}/deployments"
    answer: Any = api.get(path, cast_to=object)
    return objection(answer["result"]["deployments"], worker_version(bundle))


def test_a_release_grows_to_all_requests(api: Cloudflare, worker: Worker) -> None:
    old, new = worker_version(OLD), worker_version(NEW)
    assert shares(worker) == {old: 100}
    worker.start(NEW, 10)
    assert shares(worker) == {old: 90, new: 10}
    worker.advance(50)
    assert shares(worker) == {old: 50, new: 50}
    worker.advance(100)
    assert shares(worker) == {new: 100}
    assert objections(api, NEW) == ""


def test_the_new_version_has_the_bindings_of_the_old_one(api: Cloudflare, worker: Worker) -> None:
    worker.start(NEW, 10)
    now = worker.serving()
    assert now.new
    assert sorted(now.new.bindings) == sorted(now.old.bindings) == ["TOKEN_SIGNING_KEY", "VERSION"]
    # Cloudflare requires the parameter `force` for a deployment that changes the value of a secret. The old and the new
    # version have the same secret, so the release can be completed and rolled back without this parameter.
    worker.advance(100)
    worker.roll_back()


def test_a_release_is_not_started_twice_nor_with_what_answers_already(worker: Worker) -> None:
    with pytest.raises(RolloutError, match="answers all requests already"):
        worker.start(OLD, 10)
    worker.start(NEW, 10)
    with pytest.raises(RolloutError, match="is under way, at 10 %"):
        worker.start("export default 'third';", 10)
    with pytest.raises(RolloutError, match="name a larger percentage"):
        worker.advance(10)
    assert worker.serving().percentage == 10


def test_a_rollback_goes_back_during_and_after_a_release_and_never_forward(worker: Worker) -> None:
    old, new = worker_version(OLD), worker_version(NEW)
    worker.start(NEW, 10)
    worker.roll_back()
    assert shares(worker) == {old: 100}
    worker.start(NEW, 60)  # the version that was uploaded last is the new version, even if it answers most requests
    assert shares(worker) == {old: 40, new: 60}
    worker.advance(100)
    left, kept = worker.roll_back()
    assert (left.name, kept.name, shares(worker)) == (new, old, {old: 100})
    with pytest.raises(RolloutError, match="has never had an earlier version"):
        worker.roll_back()


def test_the_newer_version_is_the_new_one_in_whatever_order_a_deployment_names_them(
    api: Cloudflare, worker: Worker
) -> None:
    worker.start(NEW, 30)
    now = worker.serving()
    assert now.new
    parts: Any = [{"version_id": id, "percentage": share} for id, share in ((now.new.id, 30), (now.old.id, 70))]
    api.workers.scripts.deployments.create(SCRIPT, account_id=ACCOUNT, strategy="percentage", versions=parts)
    assert shares(worker) == {worker_version(OLD): 70, worker_version(NEW): 30}
    worker.roll_back()
    assert shares(worker) == {worker_version(OLD): 100}


def test_pulumi_up_neither_ends_a_release_nor_brings_a_rolled_back_version_back(
    api: Cloudflare, worker: Worker
) -> None:
    assert objections(api, NEW) == ""
    worker.start(NEW, 10)
    for bundle in (OLD, NEW):
        assert "under way (90 % and 10 %)" in objections(api, bundle)
    worker.roll_back()
    assert "was rolled back" in objections(api, NEW)
    assert objections(api, OLD) == objections(api, "export default 'fixed';") == ""
    assert objection([], "any") == ""


class Clients:
    """Runs `watch` on a release, and emulates clients of the edge. The clients send requests in each pause between two
    tests of the new version. `failing` is the share of the requests to the new version that fail.
    """

    def __init__(self, worker: Worker, invocations: Invocations, failing: float, requests: int = 2000) -> None:
        self.said: list[str] = []
        self.seen: list[float] = []
        self.now = 0.0
        self.meanwhile: Callable[[], object] = lambda: None
        self._worker, self._invocations = worker, invocations
        self._failing, self._requests = failing, requests

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.meanwhile()
        serving = self._worker.serving()
        assert serving.new
        self.seen.append(serving.percentage)
        to_new = round(self._requests * serving.percentage / 100)
        failed = round(to_new * self._failing)
        for version, status, number in (
            (serving.old.id, 200, self._requests - to_new),
            (serving.new.id, 200, to_new - failed),
            (serving.new.id, 503, failed),
        ):
            event = {"script": SCRIPT, "version": version, "status": status, "outcome": "ok", "sampling": 1}
            self._invocations.add([{**event, "number": number}] if number else [])

    def watch(self, steps: Sequence[int] = (), rule: Rule | None = None) -> Verdict:
        waiting = Waiting(every=1, longest=60, clock=lambda: self.now, sleep=self.sleep)
        rates = ErrorRates(self._worker._api, ACCOUNT, SCRIPT)  # pyright: ignore[reportPrivateUsage]
        return watch(self._worker, rates, rule or Rule(), steps, waiting, self.said.append)


def test_a_good_version_advances_by_itself_to_all_requests(worker: Worker, invocations: Invocations) -> None:
    worker.start(NEW, 10)
    clients = Clients(worker, invocations, failing=0)
    assert clients.watch([50, 100]) is Verdict.GOOD
    assert shares(worker) == {worker_version(NEW): 100}
    assert set(clients.seen) == {10, 50}


def test_a_worse_version_is_rolled_back_by_itself(api: Cloudflare, worker: Worker, invocations: Invocations) -> None:
    worker.start(NEW, 10)
    clients = Clients(worker, invocations, failing=0.3)
    assert clients.watch([50, 100]) is Verdict.WORSE
    assert shares(worker) == {worker_version(OLD): 100}
    assert set(clients.seen) == {10}
    assert "rolled back" in clients.said[-1]
    assert "was rolled back" in objections(api, NEW)


def test_the_split_stays_when_there_are_too_few_requests(worker: Worker, invocations: Invocations) -> None:
    worker.start(NEW, 10)
    assert Clients(worker, invocations, failing=1, requests=10).watch([50]) is Verdict.UNDECIDED
    assert worker.serving().percentage == 10


def test_a_watch_ends_when_somebody_else_changes_the_deployment(worker: Worker, invocations: Invocations) -> None:
    worker.start(NEW, 10)
    clients = Clients(worker, invocations, failing=0, requests=10)
    clients.meanwhile = lambda: worker.advance(20) if worker.serving().percentage == 10 else None
    with pytest.raises(RolloutError, match="somebody else changed the deployment"):
        clients.watch()
    assert worker.serving().percentage == 20


@pytest.mark.parametrize(
    ("method", "path", "arrives"),
    [
        ("POST", "/telemetry/query", False),
        ("GET", "/deployments", False),
        ("POST", "/deployments", False),
        ("POST", "/deployments", True),
    ],
)
def test_a_worse_version_is_rolled_back_although_the_api_fails_for_a_while(
    worker: Worker,
    invocations: Invocations,
    monkeypatch: pytest.MonkeyPatch,
    method: str,
    path: str,
    arrives: bool,
) -> None:
    send, failures = httpx.WSGITransport.handle_request, iter(range(1 if arrives else 3))
    clients = Clients(worker, invocations, failing=0.3)
    is_pause = False

    def fail(transport: httpx.WSGITransport, request: httpx.Request) -> httpx.Response:
        affected = not is_pause and request.method == method and request.url.path.endswith(path)
        if affected and next(failures, None) is not None:
            if arrives:
                send(transport, request)
            return httpx.Response(503, json={"success": False})
        return send(transport, request)

    def sleep(seconds: float) -> None:
        nonlocal is_pause
        is_pause = True
        if worker.serving().new:
            Clients.sleep(clients, seconds)
        is_pause = False

    worker.start(NEW, 10)
    monkeypatch.setattr(clients, "sleep", sleep)
    monkeypatch.setattr(httpx.WSGITransport, "handle_request", fail)
    assert clients.watch() is Verdict.WORSE
    assert shares(worker) == {worker_version(OLD): 100}
    assert any("503" in line for line in clients.said)


def test_a_watch_without_a_permission_ends_at_once(
    worker: Worker, invocations: Invocations, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(transport: httpx.WSGITransport, request: httpx.Request) -> httpx.Response:
        return httpx.Response(403, json={})

    worker.start(NEW, 10)
    clients = Clients(worker, invocations, failing=0)
    monkeypatch.setattr(httpx.WSGITransport, "handle_request", refuse)
    with pytest.raises(PermissionDeniedError):
        clients.watch()
    assert clients.said == []


def test_a_percentage_that_is_no_advance_is_refused_before_the_watch(worker: Worker, invocations: Invocations) -> None:
    worker.start(NEW, 50)
    clients = Clients(worker, invocations, failing=0)
    with pytest.raises(RolloutError, match="answers 50 % of the requests already"):
        clients.watch([50, 100])
    assert clients.seen == []


def test_the_percentages_of_a_watch_grow(worker: Worker, invocations: Invocations) -> None:
    worker.start(NEW, 10)
    with pytest.raises(RolloutError, match="must grow: 50, 20"):
        Clients(worker, invocations, failing=0).watch([50, 20])
