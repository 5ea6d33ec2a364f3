"""Tests imports of images from emulated registries and from Debian's `docker-registry`, a real registry that has no
referrers API.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from registry import RegistryError
from registry.catalog.audit import By
from registry.importing.apis import Api
from registry.importing.images import distribution, parse_image
from registry.importing.images.carry import ImageRegistries
from registry.importing.images.credentials import credentials_of
from registry.importing.journal import Journal
from registry.importing.pipeline import Import, Imported
from registry.importing.sources import Sources
from tests.support.image_registry import INDEX, Images, serving
from tests.support.registry import Network, network, on_s3_only

__all__ = ["network"]

PASSWORD = "swordfish"
HTPASSWD = "reader:$2b$05$NQFkngdY/ySK5WYwyCeh4.ltdNlQ.afTLJlXupd5DWELmtIAmUdmm\n"


@pytest.fixture(autouse=True)
def no_credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REGISTRY_AUTH_FILE", str(tmp_path / "auth.json"))


def log_in(tmp_path: Path, host: str, password: str = PASSWORD) -> None:
    auth = base64.b64encode(f"reader:{password}".encode()).decode()
    (tmp_path / "auth.json").write_text(json.dumps({"auths": {host: {"auth": auth}}}))


def run(
    network: Network,
    tmp_path: Path,
    source: str,
    answer: Callable[[httpx.Request], httpx.Response] | None = None,
    *,
    all_versions: bool = False,
    repository: str = "",
    plain_http: bool = True,
    referrers: bool = True,
) -> Imported:
    registries = ImageRegistries(httpx.MockTransport(answer) if answer else None, referrers=referrers)
    sources = Sources(Api(), registries, tmp_path, "", "", all_versions, repository, plain_http)
    journal = Journal(tmp_path / "journal")
    try:
        target, by = network.target, By("importer", "", "import")
        importing = Import(target, by, journal, Api(), registries, workers=3, report=lambda _: None)
        return importing.run(sources.of(source))
    finally:
        journal.close()


def reason(imported: Imported) -> str:
    ((_, reason),) = imported.failed
    return reason


def sha256(body: bytes) -> str:
    return f"sha256:{hashlib.sha256(body).hexdigest()}"


@dataclass
class SampleImages:
    """Provides two images. The first image supports two platforms, and has an SBOM and a signature. The second image
    shares a layer with the first.
    """

    images: Images
    top: dict[str, Any]
    sbom: dict[str, Any]
    signature: dict[str, Any]
    other: dict[str, Any]


@pytest.fixture
def sample_images(tmp_path: Path) -> SampleImages:
    images = Images(tmp_path / "images")
    shared = os.urandom(4000)
    amd = images.image("amd64", [shared, b"amd"])
    top = images.index([amd, images.image("arm64", [shared, b"arm"])])
    sbom = images.referrer(amd, "application/spdx+json", b"what is in it")
    signature = images.referrer(sbom, "application/x-signature", b"signed")
    return SampleImages(images, top, sbom, signature, images.image("amd64", [shared, b"other"]))


def push_all(sample_images: SampleImages, host: str, auth: Any = None) -> None:
    """Pushes the sample images. Also pushes the tags that list their referrers. Clients read these tags if a registry
    has no referrers API.
    """
    push = sample_images.images.push
    push(host, "acme/app", sample_images.top, "1.0", auth=auth)
    push(host, "acme/app", sample_images.other, "2.0", auth=auth)
    for referrer in (sample_images.sbom, sample_images.signature):
        manifest = json.loads(
            (sample_images.images.directory / "blobs" / referrer["digest"].replace(":", "/")).read_bytes()
        )
        listed = sample_images.images.index([referrer])
        push(host, "acme/app", listed, manifest["subject"]["digest"].replace(":", "-"), auth=auth)


def assert_complete(network: Network, sample_images: SampleImages, repository: str) -> None:
    """Asserts that the bucket contains all parts of an imported image byte for byte. The lists of referrers in the
    bucket must contain the image's SBOM and signature.
    """
    assert sha256(network.get(f"oci/tags/{repository}/1.0")) == sample_images.top["digest"]
    waiting, seen = [sample_images.top, sample_images.sbom, sample_images.signature], 0
    while waiting:
        descriptor = waiting.pop()
        body = network.get(f"oci/manifests/{repository}/{descriptor['digest'].replace(':', '/')}")
        assert sha256(body) == descriptor["digest"]
        content = json.loads(body)
        waiting += content.get("manifests", [])
        for part in [content["config"], *content["layers"]] if "layers" in content else []:
            assert sha256(network.get(f"oci/blobs/{repository}/{part['digest'].replace(':', '/')}")) == part["digest"]
            seen += 1
    assert seen == 10
    for referrer in (sample_images.sbom, sample_images.signature):
        subject = json.loads(network.get(f"oci/manifests/{repository}/{referrer['digest'].replace(':', '/')}"))
        subject = subject["subject"]["digest"].replace(":", "/")
        (listed,) = network.json(f"oci/referrers/{repository}/{subject}.json")["manifests"]
        assert (listed["digest"], listed["artifactType"]) == (referrer["digest"], referrer["artifactType"])


def test_an_image_is_imported_with_its_platforms_and_referrers(
    network: Network, tmp_path: Path, sample_images: SampleImages
) -> None:
    with serving(tmp_path / "registry") as host:
        push_all(sample_images, host)
        imported = run(network, tmp_path, f"oci:{host}/acme/app:1.0", repository="mirror/app")
    assert (imported.new, imported.failed) == (1, [])
    assert network.json("oci/taglists/mirror/app/list.json")["tags"] == ["1.0"]
    assert_complete(network, sample_images, "mirror/app")


def test_all_tags_are_imported_once_and_no_layer_twice(
    network: Network, tmp_path: Path, sample_images: SampleImages, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetched: list[str] = []
    blob = distribution.SourceRepository.blob

    def record_fetch(self: Any, digest: str, size: int, file: Path) -> None:
        fetched.append(digest)
        blob(self, digest, size, file)

    monkeypatch.setattr(distribution.SourceRepository, "blob", record_fetch)
    with serving(tmp_path / "registry") as host:
        push_all(sample_images, host)
        imported = run(network, tmp_path, f"oci:{host}/acme/app", all_versions=True)
        assert (imported.new, imported.failed) == (2, [])
        assert network.json("oci/taglists/acme/app/list.json")["tags"] == ["1.0", "2.0"]
        assert_complete(network, sample_images, "acme/app")
        assert len(fetched) == len(set(fetched)) > 0
        again = run(network, tmp_path, f"oci:{host}/acme/app", all_versions=True)
        assert (again.new, again.skipped) == (0, 2)
        # Moves the tag 1.0 on the source registry to another image, which is not imported yet.
        sample_images.images.push(host, "acme/app", sample_images.other, "1.0")
        moved = run(network, tmp_path, f"oci:{host}/acme/app", all_versions=True)
        assert (moved.new, moved.skipped) == (1, 1)
    assert sha256(network.get("oci/tags/acme/app/1.0")) == sample_images.other["digest"]
    assert len(fetched) == len(set(fetched))


def test_a_digest_is_imported_without_a_tag(network: Network, tmp_path: Path, sample_images: SampleImages) -> None:
    with serving(tmp_path / "registry") as host:
        push_all(sample_images, host)
        imported = run(network, tmp_path, f"oci:{host}/acme/app@{sample_images.other['digest']}", referrers=False)
        assert (imported.new, imported.failed) == (1, [])
        lacks = run(network, tmp_path, f"oci:{host}/acme/app:9.0")
        assert re.search(r"manifests/9\.0: cannot be fetched: 404", reason(lacks))
    assert f"oci/manifests/acme/app/{sample_images.other['digest'].replace(':', '/')}" in network.objects()
    assert network.json("oci/taglists/acme/app/list.json")["tags"] == []


def test_the_auth_files_password_is_sent_to_its_registry(
    network: Network, tmp_path: Path, sample_images: SampleImages
) -> None:
    with serving(tmp_path / "registry", htpasswd=HTPASSWD) as host:
        push_all(sample_images, host, auth=("reader", PASSWORD))
        source = f"oci:{host}/acme/app:1.0"
        assert f"requires credentials; log in with: skopeo login {host}" in reason(run(network, tmp_path, source))
        log_in(tmp_path, host, "wrong")
        assert "401" in reason(run(network, tmp_path, source))
        log_in(tmp_path, host)
        assert run(network, tmp_path, source).new == 1
    assert_complete(network, sample_images, "acme/app")


class RegistryWithBlobStore:
    """Emulates a registry that requires tokens. It has a referrers API with pages, and keeps blobs in a store on
    another host.
    """

    def __init__(self, sample_images: SampleImages) -> None:
        self.directory = sample_images.images.directory / "blobs"
        self.tags = {"1.0": sample_images.top}
        self.referrers = {
            json.loads(self.read(sample_images.sbom["digest"]))["subject"]["digest"]: [sample_images.sbom]
        }
        self.referrers[sample_images.sbom["digest"]] = [sample_images.signature]
        self.requests: list[httpx.Request] = []
        self.passwords: list[str] = []
        self.other_challenges = ""
        self.broken: dict[str, Callable[[httpx.Request], httpx.Response]] = {}

    def read(self, digest: str) -> bytes:
        return (self.directory / digest.replace(":", "/")).read_bytes()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        where = f"{request.url.host}{request.url.path}"
        for pattern, answer in list(self.broken.items()):
            if re.search(pattern, where):
                del self.broken[pattern]
                return answer(request)
        if request.url.host == "tokens.test":
            form = dict(httpx.QueryParams(request.read().decode()))
            sent = {**dict(request.url.params), **form}
            assert (sent["service"], sent["scope"]) == ("up.test", "repository:acme/app:pull")
            self.passwords.append(request.headers.get("authorization", form.get("refresh_token", "")))
            return httpx.Response(200, json={"token": f"token-{len(self.passwords)}"})
        if request.url.host == "store.test":
            return httpx.Response(200, content=self.read(request.url.path.strip("/")))
        if request.headers.get("authorization") != f"Bearer token-{len(self.passwords)}":
            challenge = 'Bearer realm="https://tokens.test/get",service="up.test",scope="repository:acme/app:pull"'
            return httpx.Response(401, headers={"www-authenticate": f"{self.other_challenges}{challenge}"})
        return self.answer(request.url.path.removeprefix("/v2/acme/app/"), request)

    def answer(self, path: str, request: httpx.Request) -> httpx.Response:
        section, _, name = path.partition("/")
        if section == "manifests":
            body = self.read(self.tags.get(name, {"digest": name})["digest"])
            return httpx.Response(200, content=body, headers={"content-type": json.loads(body)["mediaType"]})
        if section == "blobs":
            return httpx.Response(307, headers={"location": f"https://store.test/{name}"})
        found = self.referrers.get(name, [])
        page = int(request.url.params.get("page", 0))
        more = {"link": f'</v2/acme/app/referrers/{name}?page=1>; rel="next"'} if found and not page else {}
        return httpx.Response(200, headers=more, json={"mediaType": INDEX, "manifests": found if page else []})


def test_a_registry_with_tokens_and_a_referrers_api_is_read_and_its_blob_store_gets_no_credentials(
    network: Network, tmp_path: Path, sample_images: SampleImages
) -> None:
    up = RegistryWithBlobStore(sample_images)
    log_in(tmp_path, "https://up.test/v1/")
    up.broken["store.test"] = lambda _: httpx.Response(503)
    up.broken["up.test/v2/acme/app/manifests/1.0"] = lambda _: httpx.Response(429, headers={"retry-after": "1"})
    imported = run(network, tmp_path, "oci:up.test/acme/app:1.0", up, plain_http=False)
    assert (imported.new, imported.failed) == (1, [])
    assert_complete(network, sample_images, "acme/app")
    # The import sends the password only once, to get a token. All other requests to the source registry contain this
    # token.
    assert up.passwords == [f"Basic {base64.b64encode(f'reader:{PASSWORD}'.encode()).decode()}"]
    stores = [request for request in up.requests if request.url.host == "store.test"]
    assert stores
    assert not [request for request in stores if "authorization" in request.headers]


@pytest.mark.parametrize(
    "content",
    [
        '{"auths": {"up.test": {"auth": "PHRva2VuPjo=", "identitytoken": "identity"}}}',
        '{"credHelpers": {"up.test": "token"}}',
    ],
)
@on_s3_only
def test_an_identity_token_is_exchanged_for_a_session(
    network: Network, tmp_path: Path, sample_images: SampleImages, helpers: None, content: str
) -> None:
    """`docker login` and the credential helpers of some clouds store an identity token instead of a password."""
    up = RegistryWithBlobStore(sample_images)
    (tmp_path / "auth.json").write_text(content)
    imported = run(network, tmp_path, "oci:up.test/acme/app:1.0", up, plain_http=False)
    assert (imported.new, imported.failed, up.passwords) == (1, [], ["identity"])


@on_s3_only
def test_an_identity_token_is_not_sent_as_a_password(tmp_path: Path, network: Network) -> None:
    (tmp_path / "auth.json").write_text('{"auths": {"up.test": {"identitytoken": "identity"}}}')
    sent: list[str] = []

    def up(request: httpx.Request) -> httpx.Response:
        sent.append(request.headers.get("authorization", ""))
        return httpx.Response(401, headers={"www-authenticate": 'Basic realm="up.test"'})

    imported = run(network, tmp_path, "oci:up.test/acme/app:1.0", up, plain_http=False)
    assert "requires credentials; log in with: skopeo login up.test" in reason(imported)
    assert set(sent) == {""}


@pytest.mark.parametrize("others", ['Basic realm="up, test", ', "Negotiate, ", 'Digest realm="x", qop="auth, int", '])
@on_s3_only
def test_a_challenge_behind_others_in_one_header_is_answered(
    network: Network, tmp_path: Path, sample_images: SampleImages, others: str
) -> None:
    up = RegistryWithBlobStore(sample_images)
    up.other_challenges = others
    imported = run(network, tmp_path, "oci:up.test/acme/app:1.0", up, plain_http=False)
    assert (imported.new, imported.failed, up.passwords) == (1, [], [""])


def test_a_layer_download_resumes_after_a_broken_connection(
    network: Network, tmp_path: Path, sample_images: SampleImages
) -> None:
    up = RegistryWithBlobStore(sample_images)
    layer = json.loads(up.read(sample_images.other["digest"]))["layers"][0]["digest"]
    ranges: list[str] = []

    def cut(_: httpx.Request) -> httpx.Response:
        def body() -> Iterator[bytes]:
            yield up.read(layer)[:1000]
            up.broken[layer.replace("sha256:", "store.test/sha256:")] = rest
            raise httpx.ReadError("gone")

        return httpx.Response(200, content=body())

    def rest(request: httpx.Request) -> httpx.Response:
        ranges.append(request.headers["range"])
        return httpx.Response(206, content=up.read(layer)[1000:])

    up.broken[layer.replace("sha256:", "store.test/sha256:")] = cut
    imported = run(network, tmp_path, f"oci:up.test/acme/app@{sample_images.other['digest']}", up, plain_http=False)
    assert (imported.new, imported.failed, ranges) == (1, [], ["bytes=1000-"])
    assert sha256(network.get(f"oci/blobs/acme/app/{layer.replace(':', '/')}")) == layer


@pytest.mark.parametrize(
    ("pattern", "answer", "says"),
    [
        ("store.test", httpx.Response(200, content=b"evil"), "has another digest, sha256:.*; it was not imported"),
        ("store.test", httpx.Response(200, content=b"x" * 9999), "is longer than [0-9]+ bytes"),
        ("store.test", httpx.Response(404), r"cannot be fetched: 404$"),
        ("manifests/sha256", httpx.Response(200, content=b"{}"), "has another digest, sha256:.*; it was not imported"),
        ("manifests/1.0", httpx.Response(200, json={"schemaVersion": 1}), "Docker schema 1"),
        (
            "manifests/1.0",
            httpx.Response(200, headers={"content-type": "application/vnd.docker.distribution.manifest.v1+prettyjws"}),
            "Docker schema 1",
        ),
        ("manifests/1.0", httpx.Response(403, json={"errors": [{"code": "DENIED"}]}), "cannot be fetched: 403 DENIED"),
        ("tokens.test", httpx.Response(401), "requires credentials; log in with: skopeo login up.test"),
        ("tokens.test", httpx.Response(200, json=[]), "the response contains no token"),
        ("referrers", httpx.Response(200, json={"manifests": [{"digest": "x"}]}), "which is not a descriptor"),
        (
            "manifests",
            httpx.Response(401, headers={"www-authenticate": 'Bearer realm="http://tokens.test"'}),
            "does not use https",
        ),
        (
            "manifests",
            httpx.Response(401, headers={"www-authenticate": 'Bearer realm="https://tokens.test:port"'}),
            "cannot be fetched: Invalid",
        ),
        ("manifests", httpx.Response(401, headers={"www-authenticate": 'Basic realm="x"'}), "requires credentials"),
        ("manifests", httpx.Response(401), "offers no supported authentication scheme"),
    ],
)
@on_s3_only
def test_an_invalid_answer_fails_the_image_and_is_not_shown(
    network: Network, tmp_path: Path, sample_images: SampleImages, pattern: str, answer: httpx.Response, says: str
) -> None:
    up = RegistryWithBlobStore(sample_images)

    def once(_: httpx.Request) -> httpx.Response:
        return answer

    # The import sends two requests for a manifest: HEAD, then GET. Each entry of `broken` replaces the answer to only
    # one request.
    if "manifests" in pattern:
        up.broken[f"{pattern}.*"] = once
    up.broken[pattern] = once
    imported = run(network, tmp_path, "oci:up.test/acme/app:1.0", up, plain_http=False)
    assert re.search(says, reason(imported))
    assert not [key for key in network.objects() if key.startswith(("oci/tag", "oci/referrers"))]


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("oci:acme/app:1.0", "is not the name of an image in a registry; write oci:<host>"),
        ("oci:up.test", "is not the name of an image in a registry"),
        ("oci:up.test/acme/app@sha256:12", "is not the name of an image in a registry"),
        ("oci:up.test:port/acme/app:1.0", "is not the name of an image in a registry"),
        ("oci:up.test/acme/app:1.0", "up.test needs https"),
        ("oci:127.0.0.1.evil.test/acme/app:1.0", "needs https"),
        ("oci:127.0.0.1:5000/Acme/App:1.0", "use lower-case letters"),
    ],
)
@on_s3_only
def test_an_invalid_image_name_is_refused(network: Network, tmp_path: Path, source: str, says: str) -> None:
    with pytest.raises(RegistryError, match=says):
        run(network, tmp_path, source)


@pytest.mark.parametrize(
    ("source", "registry"),
    [("oci:localhost/a:1", "http://localhost"), ("oci:[::1]:5000/a:1", "http://[::1]:5000")],
)
def test_only_local_registries_may_lack_tls(source: str, registry: str) -> None:
    assert parse_image(source, plain_http=True).registry == registry


@pytest.mark.parametrize(
    ("source", "image"),
    [
        ("oci:docker.io/alpine:3.20", "https://registry-1.docker.io/library/alpine:3.20"),
        ("oci:index.docker.io/library/alpine:3.20", "https://registry-1.docker.io/library/alpine:3.20"),
        ("oci:docker.io/acme/app", "https://registry-1.docker.io/acme/app"),
        ("oci:up.test/alpine:3.20", "https://up.test/alpine:3.20"),
    ],
)
def test_names_of_docker_hub_mean_its_registry(source: str, image: str) -> None:
    assert str(parse_image(source)) == image


def test_a_file_of_credentials_that_cannot_be_reached_is_named() -> None:
    file = f"/{'x' * 300}/auth.json"  # stands for a directory that belongs to another user, which root can read
    with pytest.raises(RegistryError, match=r"auth\.json: the credentials for images cannot be read: File name"):
        credentials_of("up.test", "acme/app", {"REGISTRY_AUTH_FILE": file})


@pytest.mark.parametrize("name", ["docker.io", "https://index.docker.io/v1/", "registry-1.docker.io"])
def test_credentials_of_docker_hub_have_several_names(tmp_path: Path, name: str) -> None:
    (tmp_path / "auth.json").write_text(json.dumps({"auths": {name: entry("ada", "secret")}}))
    found = credentials_of("registry-1.docker.io", "acme/app", {"REGISTRY_AUTH_FILE": str(tmp_path / "auth.json")})
    assert found is not None
    assert found.name == "ada"


def test_a_credential_helper_is_asked_for_docker_hub_by_its_url(tmp_path: Path, helpers: None) -> None:
    (tmp_path / "auth.json").write_text('{"credsStore": "hub"}')
    found = credentials_of("registry-1.docker.io", "acme/app")
    assert found is not None
    assert found.name == "ada"


def entry(name: str, password: str) -> dict[str, str]:
    return {"auth": base64.b64encode(f"{name}:{password}".encode()).decode()}


def test_credentials_come_from_the_longest_match_in_the_first_matching_file(tmp_path: Path) -> None:
    auths = {"up.test": entry("host", "a:b"), "up.test/acme": entry("acme", "2"), "other.test": {}}
    (tmp_path / "containers").mkdir()
    (tmp_path / "containers" / "auth.json").write_text(json.dumps({"auths": {"third.test": entry("third", "3")}}))
    (tmp_path / "config.json").write_text(json.dumps({"auths": auths}))
    places = {"XDG_RUNTIME_DIR": str(tmp_path), "DOCKER_CONFIG": str(tmp_path), "HOME": str(tmp_path)}
    found = [
        credentials_of(*place, environment=places)
        for place in [("up.test", "acme/app"), ("up.test", "x/y"), ("third.test", "x"), ("other.test", "x")]
    ]
    assert [(each.name, each.password) if each else None for each in found] == [
        ("acme", "2"),
        ("host", "a:b"),
        ("third", "3"),
        None,
    ]
    assert "a:b" not in repr(found)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("[]", "the credentials for up.test cannot be read"),
        ('{"auths": {"up.test": {"auth": "?"}}}', "has no name and password; log in again"),
        ('{"credsStore": "absent"}', "docker-credential-absent is not installed"),
        ('{"credHelpers": {"up.test": "mute"}}', "the response contains no Username and Secret"),
        ('{"credHelpers": {"up.test": "locked"}}', "returned no credentials for up.test: the ring is locked"),
    ],
)
def test_unusable_credentials_are_reported(tmp_path: Path, helpers: None, content: str, says: str) -> None:
    (tmp_path / "auth.json").write_text(content)
    with pytest.raises(RegistryError, match=says):
        credentials_of("up.test", "acme/app")


def test_a_credential_helper_is_called(tmp_path: Path, helpers: None) -> None:
    (tmp_path / "auth.json").write_text('{"credHelpers": {"up.test": "ring", "none.test": "ring"}}')
    found = credentials_of("up.test", "acme/app")
    assert found is not None
    assert (found.name, found.password) == ("ada", "secret of up.test")
    assert credentials_of("none.test", "acme/app") is None


@pytest.fixture
def helpers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ring = (
        'read host; [ $host = up.test ] && echo "{\\"Username\\": \\"ada\\", \\"Secret\\": \\"secret of $host\\"}" '
        "|| { echo credentials not found in native keychain; exit 1; }"
    )
    scripts = {
        "ring": ring,
        "token": 'echo \'{"Username": "<token>", "Secret": "identity"}\'',
        "hub": ring.replace("up.test", "https://index.docker.io/v1/"),
        "mute": "true",
        "locked": "echo the ring is locked >&2; exit 1",
    }
    for name, script in scripts.items():
        program = tmp_path / f"docker-credential-{name}"
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
