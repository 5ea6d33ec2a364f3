"""Tests changes to published packages, such as dist-tags, yanks and unpublishing. The tests read the documents at the
origin, the edge's quarantine list and the audit log after each change.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from local.samples import Samples, build
from registry import RegistryError, amend, caller, clock, unpublish
from registry.catalog import audit
from registry.catalog.artifact import Artifact
from registry.catalog.audit import By
from registry.ecosystems.packages import parse
from registry.publish import Report, apply, publish
from tests.support.packages import tarball, wheel
from tests.support.registry import ACCOUNT, Network, network, on_s3_only

__all__ = ["network"]

WEB = "npm/@acme/app/packument.json"
WHEEL = "acme_greeter-1.0-py3-none-any.whl"


@pytest.fixture
def samples(tmp_path: Path) -> Samples:
    return build(tmp_path / "samples")


def published(network: Network, *files: Path, **options: Any) -> None:
    report = publish(network.target, files, By("alice", "arn:aws:iam::1:user/alice", "publish"), **options)
    assert report.delayed == []


def changed(network: Network, artifact: Artifact, action: str = "change") -> Report:
    report = apply(network.target, [artifact], By("bob", "", action))
    assert report.delayed == []
    return report


def app(directory: Path, number: str, **more: Any) -> Path:
    return tarball(directory / f"{number}.tgz", {"name": "@acme/app", "version": number, **more})


def quarantined(network: Network) -> list[str]:
    values = network.edge.kv.namespaces.values
    namespace = network.target.entitlements.namespace_id
    return json.loads(values.get("quarantine", account_id=ACCOUNT, namespace_id=namespace).read())["keys"]


def test_a_dist_tag_is_added_moved_listed_and_removed(network: Network, tmp_path: Path) -> None:
    published(network, app(tmp_path, "1.0.0"), app(tmp_path, "2.0.0"))
    changed(network, amend.tagged(network.target, parse("npm:@acme/app@1.0.0"), "latest"))
    # npm accepts `next`, `v2-lts` and `7-stable` as dist-tags, because they are not valid version ranges
    for tag in ("next", "v2-lts", "7-stable"):
        changed(network, amend.tagged(network.target, parse("npm:@acme/app@2.0.0"), tag))
    tags = {"latest": "1.0.0", "next": "2.0.0", "v2-lts": "2.0.0", "7-stable": "2.0.0"}
    assert network.json(WEB)["dist-tags"] == tags
    for tag in ("v2-lts", "7-stable"):
        changed(network, amend.untagged(network.target, parse("npm:@acme/app"), tag))
    assert amend.tags(network.target, parse("npm:@acme/app")) == {"latest": "1.0.0", "next": "2.0.0"}
    changed(network, amend.untagged(network.target, parse("npm:@acme/app"), "next"))
    assert network.json(WEB)["dist-tags"] == {"latest": "1.0.0"}
    changed(network, amend.untagged(network.target, parse("npm:@acme/app"), "latest"))
    assert network.json(WEB)["dist-tags"] == {"latest": "2.0.0"}


def test_an_image_loses_its_tag_and_keeps_its_manifest(network: Network, samples: Samples) -> None:
    published(network, samples.image, repository="acme/app")
    digest = network.head("oci/tags/acme/app/1.0").metadata["digest"]
    changed(network, amend.tagged(network.target, parse(f"oci:acme/app@{digest}"), "stable"))
    assert network.head("oci/tags/acme/app/stable").metadata["digest"] == digest
    network.purged.clear()
    changed(network, amend.untagged(network.target, parse("oci:acme/app"), "1.0"))
    assert "oci/tags/acme/app/1.0" not in network.objects()
    assert "oci/tags/acme/app/1.0" in network.purged
    assert network.json("oci/taglists/acme/app/list.json")["tags"] == ["stable"]
    assert network.get(f"oci/manifests/acme/app/{digest.replace(':', '/')}")
    published(network, samples.image, repository="acme/app")
    assert network.json("oci/taglists/acme/app/list.json")["tags"] == ["1.0", "stable"]


def test_deprecating_again_changes_nothing(network: Network, tmp_path: Path) -> None:
    published(network, app(tmp_path, "1.0.0"))
    reference = parse("npm:@acme/app@1.0.0")
    assert changed(network, amend.deprecated(network.target, reference, "use 2")).published[0].new
    assert network.json(WEB)["versions"]["1.0.0"]["deprecated"] == "use 2"
    assert not changed(network, amend.deprecated(network.target, reference, "use 2")).published[0].new


def test_a_yank_covers_all_files_of_a_version_and_can_be_undone(network: Network, samples: Samples) -> None:
    published(network, samples.files[2])
    reference = parse("pypi:Acme.Greeter==1.0.0")
    changed(network, amend.yanked(network.target, reference, "broken"))
    (file,) = network.json("pypi/simple/acme-greeter/index.json")["files"]
    assert file["yanked"] == "broken"
    changed(network, amend.yanked(network.target, reference, "", back=True))
    (file,) = network.json("pypi/simple/acme-greeter/index.json")["files"]
    assert file["yanked"] is False


def test_a_version_is_shown_with_its_messages_to_readers(network: Network, samples: Samples, tmp_path: Path) -> None:
    published(network, app(tmp_path, "1.0.0"), app(tmp_path, "2.0.0"), samples.files[2])
    changed(network, amend.deprecated(network.target, parse("npm:@acme/app@1.0.0"), "use 2"))
    changed(network, amend.yanked(network.target, parse("pypi:acme-greeter@1.0"), "broken"))
    assert amend.shown(amend.known_of(network.target, parse("npm:@acme/app"))) == [
        "1.0.0  deprecated: use 2",
        "2.0.0",
        "tag latest: 2.0.0",
    ]
    assert amend.shown(amend.known_of(network.target, parse("pypi:acme-greeter"))) == [f"{WHEEL}  yanked broken"]


def test_an_unpublished_version_is_unlisted_quarantined_and_refused_by_the_edge(
    network: Network, samples: Samples
) -> None:
    published(network, samples.files[2])
    key, body = f"pypi/files/acme-greeter/{WHEEL}", samples.files[2].read_bytes()
    network.purged.clear()
    changed(network, unpublish.unpublished(network.target, parse("pypi:acme-greeter@1.0"), force=False))
    assert network.json("pypi/simple/acme-greeter/index.json")["files"] == []
    assert WHEEL not in network.get("pypi/simple/acme-greeter/index.html").decode()
    assert network.objects() & {key, f"{key}.metadata"} == set()
    assert network.get(f"quarantine/{key}") == body
    assert quarantined(network) == [key, f"{key}.metadata"]
    assert key in network.purged


def test_an_unpublished_version_cannot_be_published_again(network: Network, tmp_path: Path) -> None:
    published(network, app(tmp_path, "1.0.0"))
    changed(network, unpublish.unpublished(network.target, parse("npm:@acme/app@1.0.0"), force=False))
    with pytest.raises(RegistryError, match=r"npm @acme/app 1\.0\.0: was unpublished"):
        published(network, app(tmp_path, "1.0.0"))
    assert "npm/@acme/app/-/app-1.0.0.tgz" not in network.objects()
    with pytest.raises(RegistryError, match="no such version is published"):
        amend.tagged(network.target, parse("npm:@acme/app@1.0.0"), "next")


@on_s3_only
def test_no_other_file_of_an_unpublished_python_version_is_published(network: Network, tmp_path: Path) -> None:
    published(network, wheel(tmp_path / "p-1.0-py3-none-any.whl"))
    changed(network, unpublish.unpublished(network.target, parse("pypi:p@1.0.0"), force=False))
    with pytest.raises(RegistryError, match=r"pypi p-1\.0\.0-1-py3-none-any\.whl: was unpublished"):
        published(network, wheel(tmp_path / "p-1.0.0-1-py3-none-any.whl"))
    assert network.json("pypi/simple/p/index.json")["files"] == []


def test_an_unpublished_image_loses_its_manifest_and_all_its_tags(network: Network, samples: Samples) -> None:
    published(network, samples.image, repository="acme/app")
    digest = network.head("oci/tags/acme/app/1.0").metadata["digest"]
    changed(network, amend.tagged(network.target, parse(f"oci:acme/app@{digest}"), "stable"))
    with pytest.raises(RegistryError, match="is needed by tag stable"):
        unpublish.unpublished(network.target, parse("oci:acme/app:1.0"), force=False)
    changed(network, unpublish.unpublished(network.target, parse("oci:acme/app:1.0"), force=True))
    manifest = f"oci/manifests/acme/app/{digest.replace(':', '/')}"
    assert network.objects() & {manifest, "oci/tags/acme/app/1.0", "oci/tags/acme/app/stable"} == set()
    assert quarantined(network) == [manifest]


def test_unpublishing_an_old_or_required_version_needs_force(
    network: Network, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    published(network, app(tmp_path, "1.0.0"))
    needing = tarball(
        tmp_path / "web.tgz", {"name": "web", "version": "1.0.0", "dependencies": {"@acme/app": "^1.0.0"}}
    )
    published(network, needing)
    reference = parse("npm:@acme/app@1.0.0")
    with pytest.raises(RegistryError, match=r"is needed by web; .*--force"):
        unpublish.unpublished(network.target, reference, force=False)
    changed(network, unpublish.unpublished(network.target, parse("npm:web@1.0.0"), force=False))
    unpublish.unpublished(network.target, reference, force=False)
    monkeypatch.setattr(unpublish, "now", lambda: "2999-01-01T00:00:00.000000Z")
    with pytest.raises(RegistryError, match=r"hours ago, and others may rely .* after 72; deprecate it instead"):
        unpublish.unpublished(network.target, reference, force=False)
    changed(network, unpublish.unpublished(network.target, reference, force=True))
    assert network.json(WEB)["versions"] == {}


def test_the_audit_log_records_only_real_changes_in_order(network: Network, tmp_path: Path) -> None:
    before = clock.now()
    published(network, app(tmp_path, "1.0.0"))
    published(network, app(tmp_path, "1.0.0"))
    changed(network, amend.tagged(network.target, parse("npm:@acme/app@1.0.0"), "next"), "tag")
    entries = list(audit.entries(network.target.repository))
    assert [(each.by.principal, each.by.action, each.what) for each in entries] == [
        ("alice", "publish", "npm @acme/app 1.0.0"),
        ("bob", "tag", "npm @acme/app 1.0.0 tag next"),
    ]
    assert entries[0].by.caller == "arn:aws:iam::1:user/alice"
    assert before < entries[0].at < entries[1].at < clock.now()
    assert list(audit.entries(network.target.repository, entries[1].at)) == entries[1:]


def test_on_aws_the_log_has_the_callers_identity(network: Network) -> None:
    who = caller.by(network.target, "publish", "carol")
    assert who.principal == "carol"
    assert who.caller.startswith("arn:aws:sts::123456789012:")


@on_s3_only
def test_a_user_without_a_name_is_recorded_by_number(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    def nameless() -> str:
        raise KeyError("getpwuid(): uid not found: 1234")

    monkeypatch.setattr("getpass.getuser", nameless)
    monkeypatch.setattr("os.getuid", lambda: 1234)
    assert caller.by(network.target, "publish").principal.startswith("1234@")


def refused(network: Network) -> Sequence[tuple[Callable[[], Any], str]]:
    target = network.target
    return [
        (lambda: amend.tagged(target, parse("npm:nothing@1.0.0"), "next"), "npm nothing: no such package"),
        (
            lambda: amend.tagged(target, parse("npm:@acme/app@9.0.0"), "next"),
            r"9\.0\.0: no such version .* show npm:@acme",
        ),
        *(
            (lambda tag=tag: amend.tagged(target, parse("npm:@acme/app@1.0.0"), tag), f"dist-tag {tag!r}")
            for tag in ("v1", "1", "1.x", "x", "vv1.2.3-rc.1", "-x", ".x", "a/b", "")
        ),
        (lambda: amend.untagged(target, parse("npm:@acme/app"), "beta"), "has no tag 'beta'; it has latest"),
        (lambda: amend.deprecated(target, parse("pypi:p@1"), ""), "deprecation is for npm"),
        (lambda: amend.yanked(target, parse("npm:@acme/app@1.0.0"), ""), "yanking is for pypi"),
        (lambda: parse("acme"), "'acme' is not a package's name; write npm:"),
        (lambda: audit.checked_time("yesterday"), "--since 'yesterday'"),
    ]


def test_an_invalid_change_is_refused_in_one_line(network: Network, tmp_path: Path) -> None:
    published(network, app(tmp_path, "1.0.0"))
    for attempt, says in refused(network):
        with pytest.raises(RegistryError, match=says):
            attempt()
