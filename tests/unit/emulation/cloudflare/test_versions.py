"""Tests versions and deployments of worker scripts on the emulated Cloudflare API. Also tests how PoPs choose a
version.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cloudflare
import pytest
from cloudflare import Cloudflare

from emulation.cloudflare.in_process import client
from emulation.cloudflare.versions import DEPLOYABLE

ACCOUNT = "0123456789abcdef0123456789abcdef"
JAVASCRIPT = Path(__file__).parents[4] / "emulation" / "cloudflare" / "pop" / "versions.js"
BINDINGS: list[dict[str, Any]] = [
    {"name": "VERSION", "type": "plain_text", "text": "one"},
    {"name": "KEY", "type": "secret_text", "text": "secret"},
]
INHERITED = [{"name": "KEY", "type": "inherit"}, {"name": "VERSION", "type": "plain_text", "text": "two"}]


@pytest.fixture
def api(tmp_path: Path) -> Cloudflare:
    return client(tmp_path)


def put(api: Cloudflare, bindings: Sequence[dict[str, Any]] = BINDINGS, **metadata: Any) -> None:
    """Uploads a script through the API endpoint that also deploys it."""
    whole: Any = {"main_module": "index.js", "compatibility_date": "2026-11-01", "bindings": bindings, **metadata}
    api.workers.scripts.update("edge", account_id=ACCOUNT, metadata=whole, files=[_file("export default 1;")])


def upload(api: Cloudflare, bindings: Sequence[dict[str, Any]] = (), source: str = "", **arguments: Any) -> str:
    """Uploads a version of the script, but does not deploy the version. Returns the version's id."""
    metadata = {"main_module": "index.js", "compatibility_date": "2026-11-01", "bindings": list(bindings)}
    metadata |= arguments.pop("metadata", {})
    # Cloudflare's SDK cannot parse a version of a worker, so the test reads the raw response.
    created = api.workers.scripts.versions.with_raw_response.create(
        "edge",
        account_id=ACCOUNT,
        metadata=metadata,  # pyright: ignore[reportArgumentType]
        files=[_file(source or "export default 2;")],
        **arguments,
    )
    answer: Any = created.json()
    return answer["result"]["id"]


def _file(source: str) -> Any:
    return ("index.js", source.encode(), "application/javascript+module")


def deployments(api: Cloudflare) -> list[Any]:
    path = f"/accounts/{ACCOUNT}/workers/scripts/edge/deployments"
    answer: Any = api.get(path, cast_to=object)
    return answer["result"]["deployments"]


def serving(api: Cloudflare) -> list[tuple[str, float]]:
    return [(part["version_id"], part["percentage"]) for part in deployments(api)[0]["versions"]]


def deploy(api: Cloudflare, *versions: tuple[str, float], **arguments: Any) -> Any:
    parts: Any = [{"version_id": id, "percentage": percentage} for id, percentage in versions]
    return api.workers.scripts.deployments.create(
        "edge", account_id=ACCOUNT, strategy="percentage", versions=parts, **arguments
    )


def binding(api: Cloudflare, version: str, name: str) -> Any:
    versions = api.workers.scripts.versions.with_raw_response
    answer: Any = versions.get(version, account_id=ACCOUNT, script_name="edge").json()
    return next(each for each in answer["result"]["resources"]["bindings"] if each["name"] == name)


def test_a_version_is_uploaded_without_serving_and_gets_a_share_of_the_requests(api: Cloudflare) -> None:
    put(api)
    ((old, share),) = serving(api)
    assert share == 100
    new = upload(api, INHERITED, bindings_inherit="strict")
    assert serving(api) == [(old, 100)]
    created = deploy(api, (old, 90), (new, 10), annotations={"workers/message": "ten percent"})
    assert created.annotations.workers_message == "ten percent"
    assert serving(api) == [(old, 90), (new, 10)]
    assert [len(each["versions"]) for each in deployments(api)] == [2, 1]


def test_an_upload_with_the_script_api_ends_a_gradual_deployment(api: Cloudflare) -> None:
    put(api)
    ((old, _),) = serving(api)
    deploy(api, (old, 90), (upload(api), 10))
    put(api)
    ((newest, share),) = serving(api)
    assert (newest != old, share) == (True, 100)


def test_an_inherited_binding_comes_from_the_named_version_and_its_secret_stays_hidden(api: Cloudflare) -> None:
    put(api)
    ((old, _),) = serving(api)
    upload(api, [{"name": "VERSION", "type": "plain_text", "text": "broken"}])
    inherited = [{"name": name, "type": "inherit", "version_id": old} for name in ("VERSION", "KEY")]
    new = upload(api, inherited, bindings_inherit="strict")
    assert binding(api, new, "VERSION")["text"] == "one"
    assert binding(api, new, "KEY") == {"name": "KEY", "type": "secret_text"}
    deploy(api, (new, 100))


@pytest.mark.parametrize(
    ("bindings", "arguments", "status", "words"),
    [
        (INHERITED, {}, 501, "without bindings_inherit=strict"),
        ([{"name": "ABSENT", "type": "inherit"}], {"bindings_inherit": "strict"}, 400, "ABSENT cannot be inherited"),
        ([], {"metadata": {"migrations": {"new_sqlite_classes": ["A"]}}}, 400, "10211"),
        ([], {"metadata": {"observability": {"enabled": True}}}, 501, "observability"),
    ],
)
def test_a_version_that_cannot_be_uploaded_is_refused(
    api: Cloudflare, bindings: Sequence[dict[str, Any]], arguments: dict[str, Any], status: int, words: str
) -> None:
    put(api)
    with pytest.raises(cloudflare.APIStatusError, match=words) as refused:
        upload(api, bindings, **arguments)
    assert refused.value.status_code == status


def test_the_first_version_of_a_script_cannot_be_uploaded_alone(api: Cloudflare) -> None:
    with pytest.raises(cloudflare.NotFoundError, match="does not exist"):
        upload(api)


@pytest.mark.parametrize(
    ("shares", "words"),
    [
        ([90, 9], "must total 100"),
        ([100, 0], "a number from"),
        ([34, 33, 33], "one or two different versions"),
        ([], "one or two different versions"),
    ],
)
def test_a_deployment_that_is_no_split_of_two_versions_is_refused(
    api: Cloudflare, shares: Sequence[float], words: str
) -> None:
    put(api)
    ids = [serving(api)[0][0], upload(api), upload(api)]
    with pytest.raises(cloudflare.BadRequestError, match=words):
        deploy(api, *zip(ids, shares, strict=False))


def test_a_deployment_names_two_different_versions_of_its_script(api: Cloudflare) -> None:
    put(api)
    ((old, _),) = serving(api)
    with pytest.raises(cloudflare.BadRequestError, match="one or two different versions"):
        deploy(api, (old, 50), (old, 50))
    with pytest.raises(cloudflare.NotFoundError, match="has no version"):
        deploy(api, ("b6a4ae1c-0000-4000-8000-000000000000", 100))


def test_only_the_newest_hundred_versions_can_be_deployed(api: Cloudflare) -> None:
    put(api)
    ((old, _),) = serving(api)
    uploaded = [upload(api) for _ in range(DEPLOYABLE)]
    with pytest.raises(cloudflare.BadRequestError, match="newest versions"):
        deploy(api, (old, 100))
    deploy(api, (uploaded[0], 100))


def test_a_deployment_across_a_changed_secret_needs_force(api: Cloudflare) -> None:
    put(api)
    ((old, _),) = serving(api)
    put(api, [{"name": "KEY", "type": "secret_text", "text": "other"}])
    with pytest.raises(cloudflare.BadRequestError, match="secrets have changed: KEY") as refused:
        deploy(api, (old, 100))
    assert refused.value.errors[0].code == 10220
    deploy(api, (old, 100), force=True)
    assert serving(api) == [(old, 100)]


def test_the_settings_of_the_script_stay_when_a_version_is_deployed(api: Cloudflare) -> None:
    observability = {"enabled": True, "head_sampling_rate": 0.5}
    put(api, observability=observability)
    deploy(api, (upload(api), 100))
    settings: Any = api.workers.scripts.script_and_version_settings.get("edge", account_id=ACCOUNT)
    assert settings.observability.head_sampling_rate == 0.5


_SCRIPT = """
import { pointOf, versionAt, versionFor } from %s;
const versions = (share) => [{ service: "old", percentage: 100 - share }, { service: "new", percentage: share }];
const keys = [...Array(2000).keys()].map((number) => `client-${number}`);
const points = await Promise.all(keys.map(pointOf));
const shares = [1, 10, 25, 50, 100];
const chosen = shares.map((share) => points.map((point) => versionAt(versions(share), point).service));
const keyed = new Headers({ "Cloudflare-Workers-Version-Key": keys[0] });
const sticky = await Promise.all(keys.map(() => versionFor(versions(50), keyed)));
const random = await Promise.all(keys.map(() => versionFor(versions(10), new Headers())));
const alone = versionAt([{ service: "old", percentage: 100 }], 99.99).service;
const named = (found) => found.map(({ service }) => service);
console.log(JSON.stringify({ chosen, sticky: [...new Set(named(sticky))], random: named(random), alone }));
"""


@pytest.mark.skipif(shutil.which("node") is None, reason="needs Node.js")
def test_requests_are_split_by_percentage_and_a_version_key_never_goes_back() -> None:
    script = _SCRIPT % json.dumps(JAVASCRIPT.as_uri())
    command = ["node", "--input-type=module", "--eval", script]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert result.returncode == 0, result.stderr
    found = json.loads(result.stdout)
    # About 10 % of the 2,000 requests get the new version. The standard deviation of this percentage is 0.7 percentage
    # points.
    assert 0.06 < found["random"].count("new") / 2000 < 0.14
    assert [found["chosen"][step].count("new") for step in (0, 4)] == [pytest.approx(20, abs=20), 2000]
    assert 0.06 < found["chosen"][1].count("new") / 2000 < 0.14
    for before, after in zip(found["chosen"], found["chosen"][1:], strict=False):
        assert not any(old == "new" and new == "old" for old, new in zip(before, after, strict=True))
    assert (len(found["sticky"]), found["alone"]) == (1, "old")
