"""Tests that skopeo can pull imported images through the edge. The images come from other registries."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path

import httpx
import pytest

from emulation.layout import CLIENT_LOCATIONS
from local import operator
from local.clients import Client
from local.health import client_location_proxy, edge_authority
from local.samples import REPOSITORY
from tests.support.image_registry import Images, serving
from tests.support.sandbox.commands import registry
from tests.support.sandbox.edge import access
from tests.support.sandbox.installs import skopeo_copy
from tests.support.sandbox.up import Up


@pytest.fixture(scope="module")
def reader(up: Up) -> Client:
    """Returns an image client that is configured for the edge. Its token may pull all images."""
    client = Client(up.sandbox, "images", up.outputs()["url"])
    client.configure(operator.issue_token(up.sandbox, up.outputs(), "images", ["oci:*:pull"]))
    return client


def test_an_imported_image_is_pulled_through_the_edge_unchanged(up: Up, reader: Client, tmp_path: Path) -> None:
    images = Images(tmp_path / "images")
    shared = b"base" * 100_000
    amd = images.image("amd64", [shared, b"amd"])
    top = images.index([amd, images.image("arm64", [shared, b"arm"])])
    sbom = images.referrer(amd, "application/spdx+json", b"what is in it")
    with serving(tmp_path / "registry") as host:
        images.push(host, "team/app", top, "1.0")
        images.push(host, "team/app", images.index([sbom]), amd["digest"].replace(":", "-"))
        imported = registry(
            up, "import", f"oci:{host}/team/app", "--all-versions", "--plain-http", "--journal", tmp_path / "journal"
        )
    assert imported.returncode == 0, imported.stderr
    assert imported.stdout == "imported 1; there already 0; failed 0\n"

    pulled = skopeo_copy(reader, "team/app:1.0", tmp_path / "pulled")
    assert pulled.returncode == 0, pulled.stderr
    index = json.loads((tmp_path / "pulled" / "index.json").read_text())
    # the imported image has several platforms, but skopeo pulls only the image for this machine's platform
    assert [each["digest"] for each in index["manifests"]] == [amd["digest"]]
    with httpx.Client(**access(up, CLIENT_LOCATIONS[0], "images")) as client:
        assert digest(client.get("/v2/team/app/manifests/1.0").content) == top["digest"]
        (listed,) = client.get(f"/v2/team/app/referrers/{amd['digest']}").json()["manifests"]
        assert listed["digest"] == sbom["digest"]
        (layer,) = client.get(f"/v2/team/app/manifests/{sbom['digest']}").json()["layers"]
        assert client.get(f"/v2/team/app/blobs/{layer['digest']}").content == b"what is in it"


def test_an_image_is_imported_from_an_edge_with_its_tokens(up: Up, reader: Client, tmp_path: Path) -> None:
    """Imports an image from the project's own edge, which acts as the source registry. An import with a token works. An
    import without a token is refused.
    """
    host = httpx.URL(up.outputs()["url"]).netloc.decode()
    environment = {
        "HTTPS_PROXY": client_location_proxy(up.sandbox, CLIENT_LOCATIONS[0]),
        "SSL_CERT_FILE": str(edge_authority(up.sandbox)),
        "REGISTRY_AUTH_FILE": str(tmp_path / "auth.json"),
    }
    options = ["--repository", "copied/app", "--journal", tmp_path / "journal"]
    command = ["import", f"oci:{host}/{REPOSITORY}:1.0", *options]
    refused = registry(up, *command, **environment)
    assert refused.returncode == 1
    assert f"requires credentials; log in with: skopeo login {host}" in refused.stderr
    auth = base64.b64encode(f"__token__:{reader.token()}".encode()).decode()
    (tmp_path / "auth.json").write_text(json.dumps({"auths": {host: {"auth": auth}}}))
    imported = registry(up, *command, **environment)
    assert imported.returncode == 0, imported.stderr
    with httpx.Client(**access(up, CLIENT_LOCATIONS[0], "images")) as client:
        source, copy = (client.get(f"/v2/{name}/manifests/1.0").content for name in (REPOSITORY, "copied/app"))
    assert digest(source) == digest(copy)


def digest(body: bytes) -> str:
    return f"sha256:{hashlib.sha256(body).hexdigest()}"
