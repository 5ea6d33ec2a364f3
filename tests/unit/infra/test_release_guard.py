"""Tests the release guard, a hook that stops `pulumi up` from uploading the edge worker during a gradual release."""

from __future__ import annotations

import asyncio
import json
from http.server import BaseHTTPRequestHandler
from typing import Any, ClassVar

import pulumi
import pytest
from pulumi.runtime import mocks

from contract.worker_releases import rolled_back_message
from infra.edge.release_guard import EdgeReleaseError, release_guard
from tests.support.http_server import serving

SPLIT = [{"versions": [{"percentage": 90}, {"percentage": 10}]}]
WHOLE = [{"versions": [{"percentage": 100}], "annotations": {"workers/message": rolled_back_message("bad")}}]


class Api(BaseHTTPRequestHandler):
    """Emulates the Cloudflare API that lists the deployments of a worker script. Tests set the status of the response
    in `status`, and the listed deployments in `deployments`. The class records the requests in `requests`.
    """

    status = 200
    deployments: ClassVar[Any] = []
    requests: ClassVar[list[tuple[str, str | None]]] = []

    def do_GET(self) -> None:
        self.requests.append((self.path, self.headers["Authorization"]))
        body = json.dumps({"result": {"deployments": self.deployments}}).encode()
        self.send_response(self.status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


class _NoResources(mocks.Mocks):
    """Pulumi mocks that raise an error for each new resource and for each call of a provider function. The tests
    therefore fail if the release guard, which is a hook of `pulumi up`, creates a resource or calls such a function.
    """

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str, dict[Any, Any]]:
        raise NotImplementedError

    def call(self, args: mocks.MockCallArgs) -> tuple[dict[Any, Any], list[tuple[str, str]] | None]:
        raise NotImplementedError


def run_hook(version: str = "good") -> pulumi.ResourceHook:
    """Runs the hook of release_guard. The Pulumi engine runs this hook before it updates the worker script."""

    async def run() -> pulumi.ResourceHook:
        mocks.set_mocks(_NoResources())
        hook = release_guard("account", "script", version)
        answer: Any = hook.callback(None)  # pyright: ignore[reportArgumentType]
        await answer
        return hook

    return asyncio.run(run())


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs a server that replaces Cloudflare's API. The release guard is a hook of `pulumi up`. It requests the
    deployments of a worker script from this server.
    """
    monkeypatch.setenv("CLOUDFLARE_API_TOKEN", "the-token")
    monkeypatch.setattr(Api, "requests", [])
    with serving(Api) as url:
        monkeypatch.setenv("CLOUDFLARE_BASE_URL", f"{url}/client/v4")
        yield monkeypatch


def test_the_hook_reads_the_deployments_of_the_script_in_previews_too(api: Any) -> None:
    hook = run_hook()
    assert hook.opts
    assert hook.opts.on_dry_run is True
    assert Api.requests == [("/client/v4/accounts/account/workers/scripts/script/deployments", "Bearer the-token")]


def test_an_update_during_a_release_is_refused_with_the_way_out(api: Any) -> None:
    api.setattr(Api, "deployments", SPLIT)
    with pytest.raises(EdgeReleaseError, match=r"script: a release .*\(90 % and 10 %\).*python -m rollout advance"):
        run_hook()


def test_only_the_version_that_was_rolled_back_is_refused(api: Any) -> None:
    api.setattr(Api, "deployments", WHOLE)
    run_hook("good")
    with pytest.raises(EdgeReleaseError, match="the version bad of the worker was rolled back"):
        run_hook("bad")


def test_a_script_that_does_not_exist_is_no_obstacle_and_any_other_failure_is(api: Any) -> None:
    api.setattr(Api, "status", 404)
    run_hook()
    api.setattr(Api, "status", 403)
    with pytest.raises(EdgeReleaseError, match="cannot be read: status 403"):
        run_hook()
    api.setenv("CLOUDFLARE_BASE_URL", "http://127.0.0.1:1")
    with pytest.raises(EdgeReleaseError, match="cannot be read"):
        run_hook()
    api.delenv("CLOUDFLARE_API_TOKEN")
    with pytest.raises(EdgeReleaseError, match="CLOUDFLARE_API_TOKEN is not set"):
        run_hook()
