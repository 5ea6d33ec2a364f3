"""Tests how npm, pip, uv and skopeo authenticate: with each form of configuration, and with a second package index."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import sys
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import httpx
import pytest

from local.clients import Client, Identity
from tests.support.http_server import serving
from tests.support.packages import wheel
from tests.support.sandbox.edge import US_EAST, access
from tests.support.sandbox.shell import READER, shell
from tests.support.sandbox.up import Up

ONLY_THESE_INDEXES = "unset UV_DEFAULT_INDEX PIP_INDEX_URL; export NO_PROXY=127.0.0.1"
UV = f"{Path(sys.prefix) / 'bin' / 'uv'} pip install --no-deps --reinstall --no-cache"
PIP = "pip install --no-deps --force-reinstall"
INDEX = "https://packages.artifact-edge.test/pypi/simple/"


def _token(up: Up) -> str:
    token = Client(up.sandbox, Identity.READER, "").token()
    assert token is not None
    return token


def _with_token(token: str) -> str:
    return INDEX.replace("https://", f"https://{token}@")


@contextmanager
def _second_index(directory: Path, project: str) -> Generator[str]:
    """Serves a Python simple index with a wheel of one project, and yields the index's URL."""
    stem = project.replace("-", "_")
    metadata = f"Metadata-Version: 2.1\nName: {project}\nVersion: 1.0\n"
    file = wheel(directory / f"{stem}-1.0-py3-none-any.whl", metadata=metadata, project=stem)
    body = file.read_bytes()
    link = f'<a href="/{file.name}#sha256={hashlib.sha256(body).hexdigest()}">{file.name}</a>'
    found = {
        f"/{file.name}": ("application/octet-stream", body),
        f"/simple/{project}/": ("text/html", f"<!DOCTYPE html><html><body>{link}</body></html>".encode()),
    }

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            kind, content = found.get(self.path, ("text/plain", b""))
            self.send_response(200 if self.path in found else 404)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with serving(Handler) as url:
        yield f"{url}/simple/"


def test_npm_takes_the_token_as_auth_and_as_a_password(up: Up, tmp_path: Path) -> None:
    set_up, npm, *_ = up.commands(READER)
    token = _token(up)
    lines = (up.sandbox.directory / "clients" / "reader" / "npmrc").read_text().splitlines()
    kept = [line for line in lines if "_authToken" not in line and not line.startswith("cache=")]
    pair = base64.b64encode(f"any:{token}".encode()).decode()
    host = "//packages.artifact-edge.test/npm/"
    for number, auth in enumerate(
        (
            [f"{host}:_auth={pair}"],
            [f"{host}:username=any", f"{host}:_password={base64.b64encode(token.encode()).decode()}"],
        )
    ):
        directory = tmp_path / str(number)
        directory.mkdir()
        (directory / "npmrc").write_text("\n".join([*kept, f"cache={directory / 'cache'}", *auth, ""]))
        result = shell(directory, set_up, f"export NPM_CONFIG_USERCONFIG={directory / 'npmrc'}", npm)
        assert result.returncode == 0, result.stderr
        assert (directory / "node_modules/@acme/greeting/package.json").exists()


@pytest.mark.parametrize("install", [PIP, UV])
def test_pip_and_uv_take_the_token_as_password_and_as_user(up: Up, tmp_path: Path, install: str) -> None:
    set_up, *_ = up.commands(READER)
    token = _token(up)
    indexes = [INDEX.replace("https://", f"https://{each}@") for each in (f"__token__:{token}", token)]
    commands = [f"{install} --index-url {index} acme-greeter" for index in indexes]
    result = shell(tmp_path, set_up, "export NETRC=/dev/null", *commands)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("install", [PIP, UV])
def test_a_project_outside_the_grants_comes_from_the_second_index(up: Up, tmp_path: Path, install: str) -> None:
    set_up, *_ = up.commands(READER)
    with _second_index(tmp_path, "unrelated-tool") as second:
        indexes = f"--index-url {second} --extra-index-url {_with_token(_token(up))}"
        result = shell(tmp_path, set_up, ONLY_THESE_INDEXES, f"{install} {indexes} unrelated-tool acme-greeter")
    assert result.returncode == 0, result.stdout + result.stderr


def test_uv_takes_no_reserved_name_from_the_second_index(up: Up, tmp_path: Path) -> None:
    (set_up,) = up.commands("refused with 403:")
    token = Client(up.sandbox, Identity.OUTSIDER, "").token()
    assert token is not None
    with _second_index(tmp_path, "acme-secret") as second:
        indexes = f"--index-url {second} --extra-index-url {_with_token(token)}"
        result = shell(tmp_path, set_up, ONLY_THESE_INDEXES, f"{UV} {indexes} acme-secret")
    assert result.returncode != 0
    assert "403 Forbidden" in result.stderr


@pytest.mark.skipif(shutil.which("skopeo") is None, reason="needs skopeo")
def test_an_identity_token_pulls_an_image(up: Up, tmp_path: Path) -> None:
    set_up, _, _, skopeo = up.commands(READER)
    # The credentials are those that `docker login` writes if a registry issues an identity token: the field `auth` has
    # a user name and no password.
    user = base64.b64encode(b"any:").decode()
    auth = {"auths": {"packages.artifact-edge.test": {"auth": user, "identitytoken": _token(up)}}}
    (tmp_path / "auth.json").write_text(json.dumps(auth))
    result = shell(tmp_path, set_up, f"export REGISTRY_AUTH_FILE={tmp_path / 'auth.json'}", skopeo)
    assert result.returncode == 0, result.stderr
    assert json.loads((tmp_path / "app/index.json").read_text())["manifests"]


def test_a_session_opens_its_repository_through_the_whole_network_and_nothing_else(up: Up) -> None:
    with httpx.Client(**access(up, US_EAST)) as client:
        scope = "repository:acme/app:pull"
        client.headers["Authorization"] = f"Bearer {client.get('/token', params={'scope': scope}).json()['token']}"
        statuses = [
            client.get(path).status_code
            for path in ("/v2/acme/app/manifests/1.0", "/npm/@acme/web", "/npm/-/whoami", "/token")
        ]
    assert statuses == [200, 401, 401, 401]


def test_a_download_that_is_resumed_is_one_version_at_each_tier(up: Up) -> None:
    key = "npm/@acme/greeting/-/greeting-9.9.5.tgz"
    body = os.urandom(50_000)
    bucket = up.outputs()["buckets"][0]["name"]
    up.aws("s3").put_object(Bucket=bucket, Key=key, Body=body, CacheControl="public, max-age=31536000, immutable")
    with httpx.Client(**access(up, US_EAST)) as client:
        for tier in ("origin; miss", "edge; hit"):
            other = client.get(f"/{key}", headers={"Range": "bytes=100-", "If-Range": '"of-another-version"'})
            assert (other.status_code, other.content) == (200, body), tier
            etag = other.headers["ETag"]
            rest = client.get(f"/{key}", headers={"Range": "bytes=100-", "If-Range": etag})
            assert (rest.status_code, rest.content) == (206, body[100:]), tier
            beyond = client.get(f"/{key}", headers={"Range": "bytes=50000-"})
            assert (beyond.status_code, beyond.headers["Content-Range"]) == (416, "bytes */50000"), tier
