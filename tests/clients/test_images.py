"""Tests what each image client can pull and list through the edge, when the client has no local images."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from local.clients import Client
from tests.clients import published
from tests.clients.daemons import daemon
from tests.clients.image_clients import IMAGE_CLIENTS, Finished, ImageClient, Setting, log_in
from tests.clients.matrix import Section, cell
from tests.clients.programs import how_to_install, program, version
from tests.clients.published import CHART, CHART_VERSION, NOTE, REPOSITORY, TEXT, Published
from tests.support.sandbox.up import Up

Refused = Callable[[str], None]


def rows(action: str, *names: str) -> pytest.MarkDecorator:
    """Returns a pytest marker that runs a test of the given action once for each client in `names`. If `names` is
    empty, the test runs once for each client that can pull images.
    """
    chosen = names or tuple(name for name, client in IMAGE_CLIENTS.items() if client.pull)
    return pytest.mark.parametrize(
        "name",
        [
            pytest.param(
                name,
                marks=[
                    cell(Section.IMAGES, IMAGE_CLIENTS[name].name, action),
                    *([pytest.mark.quick] * (name == "skopeo")),
                ],
            )
            for name in chosen
        ],
    )


@pytest.fixture(scope="module")
def images(up: Up, tmp_path_factory: pytest.TempPathFactory) -> Published:
    """Publishes the test images once for the tests of all clients."""
    return published.publish(up, tmp_path_factory.mktemp("images"))


@pytest.fixture
def client(name: str) -> ImageClient:
    """Provides an image client. Skips the test if the client's program is missing, or if it has another version than
    the client's name says.
    """
    found = IMAGE_CLIENTS[name]
    for each in found.programs:
        if program(each) is None:
            pytest.skip(f"{each} is not installed; {how_to_install(each)}")
    verdict = version(found.programs[0], found.version_option)
    if not re.search(rf"(?<!\d){re.escape(found.version)}\b", verdict):
        pytest.skip(f"{found.programs[0]} of this machine says that it is {verdict.strip()!r}")
    return found


@pytest.fixture
def setting(up: Up, images: Published, client: ImageClient) -> Iterator[Setting]:
    """Provides an image client with no local images and with credentials that may pull the test images."""
    with setting_of(up, client, "clients") as ready:
        yield ready


@contextmanager
def setting_of(up: Up, client: ImageClient, identity: str) -> Generator[Setting]:
    """Provides an image client with an empty image store. The store's temporary directory has a short path, because
    podman accepts paths of at most 50 characters.
    """
    with (
        tempfile.TemporaryDirectory(prefix="ae-") as directory,
        daemon(client, Client(up.sandbox, identity, up.outputs()["url"]), Path(directory)) as ready,
    ):
        yield ready


def pull(client: ImageClient, setting: Setting, image: str) -> Finished:
    """Pulls an image with an image client that has no local images."""
    assert client.pull is not None
    return client.pull(setting, image)


@rows("log in", "docker", "podman", "buildah", "skopeo", "crane", "oras", "helm")
def test_a_login_with_the_token_is_kept(client: ImageClient, setting: Setting) -> None:
    done = log_in(client, setting)
    assert done.returncode == 0, done.stderr
    kept = json.loads((setting.directory / "docker" / "config.json").read_text())
    assert setting.host in kept["auths"]


@rows("pull by tag")
def test_an_image_is_pulled_by_its_tag(client: ImageClient, setting: Setting, images: Published) -> None:
    pulled = pull(client, setting, f"{setting.host}/{REPOSITORY}:schema2")
    assert pulled.returncode == 0, pulled.stderr
    assert images.tags["schema2"]["digest"] in pulled.stdout


@rows("pull by digest")
def test_an_image_is_pulled_by_its_digest(client: ImageClient, setting: Setting, images: Published) -> None:
    digest = images.amd64["digest"]
    pulled = pull(client, setting, f"{setting.host}/{REPOSITORY}@{digest}")
    assert pulled.returncode == 0, pulled.stderr
    assert digest in pulled.stdout


@rows("pull of several platforms")
def test_an_image_of_several_platforms_is_pulled(client: ImageClient, setting: Setting, images: Published) -> None:
    image = f"{setting.host}/{REPOSITORY}:1.0"
    pulled = pull(client, setting, image)
    assert pulled.returncode == 0, pulled.stderr
    assert images.tags["1.0"]["digest"] in pulled.stdout or images.amd64["digest"] in pulled.stdout
    if client.content is not None:
        content = client.content(setting, image)
        assert content.returncode == 0, content.stderr
        assert TEXT in content.stdout


@rows("layers with zstd")
def test_layers_compressed_with_zstd_are_pulled(
    client: ImageClient, setting: Setting, images: Published, refused: Refused
) -> None:
    image = f"{setting.host}/{REPOSITORY}:zstd"
    pulled = pull(client, setting, image)
    if client.name.startswith("docker 20"):
        assert "invalid tar header" in pulled.stderr
        refused("dockerd reads layers with zstd from 23.0 on")
        return
    assert pulled.returncode == 0, pulled.stderr
    assert images.tags["zstd"]["digest"] in pulled.stdout
    if client.content is not None:
        content = client.content(setting, image)
        assert content.returncode == 0, content.stderr
        assert TEXT in content.stdout


@rows("list tags", "skopeo", "crane", "oras")
def test_tags_are_listed(client: ImageClient, setting: Setting, images: Published) -> None:
    assert client.tags
    listed = client.tags(setting, f"{setting.host}/{REPOSITORY}")
    assert listed.returncode == 0, listed.stderr
    assert [tag for tag in images.tags if tag not in listed.stdout] == []


@rows("list referrers", "oras")
def test_referrers_are_listed(client: ImageClient, setting: Setting, images: Published) -> None:
    assert client.referrers
    listed = client.referrers(setting, f"{setting.host}/{REPOSITORY}@{images.amd64['digest']}")
    assert listed.returncode == 0, listed.stderr
    assert images.sbom["digest"] in listed.stdout


@rows("refused without a grant")
@pytest.mark.parametrize(("identity", "says"), [("outsider", "denied|403 Forbidden"), ("anonymous", "unauthorized")])
def test_a_client_without_a_grant_prints_the_refusal(
    up: Up, images: Published, client: ImageClient, identity: str, says: str
) -> None:
    with setting_of(up, client, identity) as setting:
        pulled = pull(client, setting, f"{setting.host}/{REPOSITORY}:1.0")
    assert pulled.returncode != 0
    assert re.search(says, pulled.stderr, re.IGNORECASE), pulled.stderr


@rows("more than 127 layers")
def test_an_image_of_many_layers_is_pulled(
    client: ImageClient, setting: Setting, images: Published, refused: Refused
) -> None:
    pulled = pull(client, setting, f"{setting.host}/{REPOSITORY}:many")
    if client.name.startswith("docker"):
        assert "max depth exceeded" in pulled.stderr
        refused("dockerd stacks at most 125 layers")
        return
    assert pulled.returncode == 0, pulled.stderr
    assert images.tags["many"]["digest"] in pulled.stdout


@rows("pull an artifact", "oras")
def test_an_artifact_is_pulled(client: ImageClient, setting: Setting) -> None:
    assert client.artifact
    pulled = client.artifact(setting, f"{setting.host}/{REPOSITORY}:note")
    assert pulled.returncode == 0, pulled.stderr
    assert pulled.stdout.endswith(NOTE)


@rows("pull a chart", "helm")
def test_a_chart_is_pulled(client: ImageClient, setting: Setting) -> None:
    assert client.artifact
    pulled = client.artifact(setting, f"{setting.host}/{CHART}:{CHART_VERSION}")
    assert pulled.returncode == 0, pulled.stderr
    assert CHART_VERSION in pulled.stdout
