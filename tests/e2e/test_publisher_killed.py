"""Tests publishing when the publisher's process is killed with SIGKILL at each of its writes in turn.

At all times, readers find either the old release or the whole new one. After a second attempt to publish, readers find
the whole new release, and each changed document has been purged after its last change.
"""

from __future__ import annotations

import hashlib
import json
import signal
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import httpx
import pytest
from botocore.exceptions import ClientError

from local.samples import build
from registry import publish as publishing
from registry.catalog.audit import By
from registry.target import Target
from tests.support.packages import rewrite_manifest, tarball, wheel
from tests.support.registry_process import RegistryProcess
from tests.support.served_clouds import ServedClouds, served_clouds


@dataclass(frozen=True)
class Case:
    """A test case with two releases of one package. `old` is published first. The publisher is killed while it
    publishes `new`.

    `shown` reads the documents from the emulated clouds. It maps the key of each document to the releases that readers
    of this document see.
    """

    old: list[str]
    new: list[str]
    shown: Callable[[ServedClouds], dict[str, set[str]]]
    releases: tuple[str, str]


@dataclass
class Watched:
    """Records the publisher's writes in order. Kills the publisher's process at the write number `at`, before this
    write takes effect.
    """

    clouds: ServedClouds
    case: Case
    at: int
    publisher: RegistryProcess | None = None
    writes: list[str] = field(default_factory=list[str])
    seen: list[dict[str, set[str]]] = field(default_factory=list[dict[str, set[str]]])

    def __call__(self, name: str, make: Callable[[], Iterable[bytes]]) -> Iterable[bytes]:
        self.writes.append(name)
        if len(self.writes) == self.at:
            assert self.publisher is not None
            self.publisher.kill()
            raise ConnectionAbortedError  # closes the connection of the killed publisher's request without a response
        answer = list(make())
        self.seen.append(self.case.shown(self.clouds))
        return answer


@pytest.fixture(scope="module", params=["s3", "gcs"])
def clouds(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedClouds]:
    with served_clouds(tmp_path_factory.mktemp("clouds"), request.param) as served:
        yield served


def npm_case(directory: Path) -> Case:
    files = [
        str(tarball(directory / f"{number}.tgz", {"name": "web", "version": number})) for number in ("1.0.0", "2.0.0")
    ]

    def shown(clouds: ServedClouds) -> dict[str, set[str]]:
        keys = [f"npm/web/packument{kind}.json" for kind in ("", ".abbreviated")]
        found: dict[str, set[str]] = {}
        for key in keys:
            versions = clouds.json(key)["versions"]
            found[key] = set(versions)
            for version in versions.values():
                body = clouds.get(version["dist"]["tarball"].removeprefix(f"{clouds.outputs['url']}/"))
                assert hashlib.sha1(body).hexdigest() == version["dist"]["shasum"]  # noqa: S324  npm's
        return found

    return Case(files[:1], files[1:], shown, ("1.0.0", "2.0.0"))


def pypi_case(directory: Path) -> Case:
    names = ["p-1.0-py3-none-any.whl", "p-2.0-py3-none-any.whl"]
    metadata = "Metadata-Version: 2.1\nName: p\nVersion: {}.0\n"
    files = [str(wheel(directory / name, metadata=metadata.format(n))) for n, name in enumerate(names, 1)]

    def shown(clouds: ServedClouds) -> dict[str, set[str]]:
        page = clouds.json("pypi/simple/p/index.json")
        for file in page["files"]:
            body = clouds.get(file["url"].removeprefix("/"))
            assert hashlib.sha256(body).hexdigest() == file["hashes"]["sha256"]
            metadata = clouds.get(f"{file['url'].removeprefix('/')}.metadata")
            assert hashlib.sha256(metadata).hexdigest() == file["core-metadata"]["sha256"]
        html = clouds.get("pypi/simple/p/index.html").decode()
        return {
            "pypi/simple/p/index.json": {file["filename"] for file in page["files"]},
            "pypi/simple/p/index.html": {name for name in names if name in html},
        }

    return Case(files[:1], files[1:], shown, (names[0], names[1]))


def oci_case(directory: Path) -> Case:
    """Returns a test case in which an image tag moves to a new image. A pull must get all parts of one image, either
    the old or the new one.
    """
    layouts = [build(directory / name).image for name in ("old", "new")]
    rewrite_manifest(layouts[1], {"annotations": {"build": "2"}})
    digests = [json.loads((layout / "index.json").read_text())["manifests"][0]["digest"] for layout in layouts]

    def shown(clouds: ServedClouds) -> dict[str, set[str]]:
        key = "oci/tags/acme/app/1.0"
        body, digest = clouds.get(key), clouds.bucket.metadata(key)["digest"]
        assert f"sha256:{hashlib.sha256(body).hexdigest()}" == digest
        assert clouds.get(f"oci/manifests/acme/app/{digest.replace(':', '/')}") == body
        for part in (json.loads(body)["config"], *json.loads(body)["layers"]):
            blob = clouds.get(f"oci/blobs/acme/app/{part['digest'].replace(':', '/')}")
            assert f"sha256:{hashlib.sha256(blob).hexdigest()}" == part["digest"]
        assert clouds.json("oci/taglists/acme/app/list.json")["tags"] == ["1.0"]
        return {"oci/tags/acme/app/1.0": {digest}}

    more = ["--repository", "acme/app"]
    return Case([str(layouts[0]), *more], [str(layouts[1]), *more], shown, (digests[0], digests[1]))


def assert_old_or_new(shown: dict[str, set[str]], case: Case) -> None:
    old, new = case.releases
    for key, offered in shown.items():
        assert offered in [{old}, {new} if key.startswith("oci/") else {old, new}], key


def assert_new(clouds: ServedClouds, case: Case) -> None:
    assert all(case.releases[1] in offered for offered in case.shown(clouds).values())


def assert_purged_after_each_change(writes: list[str]) -> None:
    """Asserts that the last cache purge comes after the last change of a document. The test records no document names
    for purges, so it cannot check each document separately.
    """
    changes = [n for n, write in enumerate(writes) if write.startswith(("PUT ", "DELETE ")) and is_document(write)]
    purges = [n for n, write in enumerate(writes) if write == "purge"]
    assert changes
    assert purges
    assert max(changes) < max(purges)


def is_document(write: str) -> bool:
    key = unquote(write.split(" ", 1)[1])
    return key.endswith(("packument.json", "packument.abbreviated.json")) or key.startswith(
        ("pypi/simple/", "oci/tags/", "oci/taglists/", "oci/referrers/")
    )


def publish(clouds: ServedClouds, case: list[str]) -> None:
    """Publishes the files of a test case. The publisher runs in the process of the test and is not killed."""
    files, repository = [Path(case[0])], case[2] if len(case) > 1 else ""
    report = publishing.publish(
        Target.model_validate(clouds.outputs), files, By("tester", "", "publish"), repository=repository
    )
    assert report.delayed == []


# The order of the writes is the same on both stores. The tests with the marker run every night.
CASES = [
    pytest.param("s3", npm_case, id="s3-npm"),
    pytest.param("s3", pypi_case, id="s3-pypi"),
    pytest.param("s3", oci_case, id="s3-oci"),
    pytest.param("gcs", npm_case, id="gcs-npm"),
    pytest.param("gcs", pypi_case, id="gcs-pypi", marks=pytest.mark.nightly),
    pytest.param("gcs", oci_case, id="gcs-oci", marks=pytest.mark.nightly),
]


@pytest.mark.parametrize(("clouds", "make"), CASES, indirect=["clouds"])
def test_a_publisher_killed_at_any_write_leaves_a_whole_release(
    clouds: ServedClouds, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Callable[[Path], Case]
) -> None:
    for name, value in clouds.environment.items():
        monkeypatch.setenv(name, value)
    case, outputs = make(tmp_path), tmp_path / "outputs.json"
    outputs.write_text(json.dumps(clouds.outputs))
    kinds = set[str]()
    for at in range(1, 50):
        clouds.forget()
        publish(clouds, case.old)
        watched = Watched(clouds, case, at)
        clouds.gate = watched
        command = ["publish", *case.new, "--stack-outputs", str(outputs)]
        watched.publisher = publisher = RegistryProcess(command, clouds.environment, tmp_path / "publisher.log")
        status = publisher.wait()
        if len(watched.writes) < at:
            assert status == 0, publisher.output()
            break
        assert status == -signal.SIGKILL, publisher.output()
        kinds.add(watched.writes[-1].split(" ")[0])
        watched.at = 0
        publish(clouds, case.new)
        for seen in watched.seen:
            assert_old_or_new(seen, case)
        assert_new(clouds, case)
        assert_purged_after_each_change(watched.writes[: at - 1] + watched.writes[at:])
        assert pending(clouds) == 0
    else:
        pytest.fail("the publisher did not come to its end")
    assert kinds == {"PUT", "transaction", "purge"}


def pending(clouds: ServedClouds) -> int:
    found = clouds.client("dynamodb").query(
        TableName="metadata",
        KeyConditionExpression="pk = :pk AND begins_with(sk, :sk)",
        ExpressionAttributeValues={":pk": {"S": "outbox"}, ":sk": {"S": "pending#"}},
    )
    return found["Count"]


def test_the_check_detects_a_broken_document(
    clouds: ServedClouds, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tests the function `shown`, with which the other tests check documents. `shown` must raise an error if a document
    names a missing file.
    """
    for name, value in clouds.environment.items():
        monkeypatch.setenv(name, value)
    case = npm_case(tmp_path)
    clouds.forget()
    publish(clouds, case.old)
    packument: Any = clouds.json("npm/web/packument.json")
    packument["versions"]["2.0.0"] = packument["versions"]["1.0.0"]
    packument["versions"]["2.0.0"]["dist"]["tarball"] = f"{clouds.outputs['url']}/npm/web/-/web-2.0.0.tgz"
    clouds.bucket.put("npm/web/packument.json", json.dumps(packument).encode())
    with pytest.raises((ClientError, httpx.HTTPStatusError)):
        case.shown(clouds)
