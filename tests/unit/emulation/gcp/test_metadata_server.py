"""Tests the emulated Google metadata server. Each machine connects to a different address of the server. The server
identifies the machine by this address, and responds with the machine's service account.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from flask import Flask
from joserfc import jwt
from joserfc.jwk import KeySet

from emulation.gcp.api import create_app
from emulation.gcp.metadata_server import CLIENTS_PATH, MetadataServers
from emulation.gcp.tokens import CERTS_PATH, Tokens
from emulation.layout import METADATA_PORT
from emulation.state_store import StateStore

ACCOUNT = "/computeMetadata/v1/instance/service-accounts/default"
GOOGLE = {"Metadata-Flavor": "Google"}


class Cloud:
    """Runs an emulated Google Cloud in this process. `servers` maps the address of each metadata server to an HTTP
    client.
    """

    def __init__(self, directory: Path) -> None:
        self.clock = time.time
        self.store = StateStore(directory / "gcp.sqlite", clock=lambda: self.clock())
        self.servers: dict[str, httpx.Client] = {}
        app = create_app(self.store, "198.51.100.0/24")
        MetadataServers(self.store, "192.0.2.0/24", self._listen).add_to(app)
        self.api = httpx.Client(transport=httpx.WSGITransport(app=app), base_url="http://googleapis.invalid")

    def _listen(self, address: str, app: Flask) -> Callable[[], None]:
        transport = httpx.WSGITransport(app=app)
        self.servers[address] = httpx.Client(transport=transport, base_url=f"http://{address}", headers=GOOGLE)
        return lambda: self.servers.pop(address).close()

    def account(self, name: str) -> dict[str, str]:
        made = self.api.post("iam/v1/projects/unit/serviceAccounts", json={"accountId": name, "serviceAccount": {}})
        return made.raise_for_status().json()

    def client(self, name: str, email: str) -> httpx.Client:
        host: str = self.api.put(f"{CLIENTS_PATH}/{name}", json={"serviceAccount": email}).json()["host"]
        address, _, port = host.partition(":")
        assert port == str(METADATA_PORT)
        return self.servers[address]


@pytest.fixture
def cloud(tmp_path: Path) -> Cloud:
    return Cloud(tmp_path)


def test_each_client_gets_an_identity_of_its_own_account(cloud: Cloud) -> None:
    shield, consumer = cloud.account("shield"), cloud.account("consumer")
    keys = KeySet.import_key_set(cloud.api.get(CERTS_PATH).json())
    for name, account in (("machine", shield), ("instance", consumer)):
        metadata = cloud.client(name, account["email"])
        token = metadata.get(f"{ACCOUNT}/identity", params={"audience": "https://a", "format": "full"}).text
        claims = jwt.decode(token, keys, algorithms=["RS256"]).claims
        assert claims["iss"] == "https://accounts.google.com"
        assert (claims["aud"], claims["sub"], claims["azp"]) == ("https://a", account["uniqueId"], account["uniqueId"])
        assert claims["email"] == account["email"] == metadata.get(f"{ACCOUNT}/email").text
        assert claims["exp"] - claims["iat"] == 3600
        assert abs(claims["iat"] - time.time()) < 60
    standard = metadata.get(f"{ACCOUNT}/identity", params={"audience": "https://a"}).text
    assert "email" not in jwt.decode(standard, keys, algorithms=["RS256"]).claims


def test_an_access_token_identifies_its_account_until_it_expires(cloud: Cloud) -> None:
    shield = cloud.account("shield")
    given = cloud.client("machine", shield["email"]).get(f"{ACCOUNT}/token").json()
    assert given["token_type"] == "Bearer"
    tokens, header = Tokens(cloud.store), f"Bearer {given['access_token']}"
    found = tokens.bearer(header)
    assert found is not None
    assert (found.email, found.unique_id) == (shield["email"], shield["uniqueId"])
    assert tokens.bearer("Bearer made-up") is None
    assert tokens.bearer(given["access_token"]) is None
    later = time.time() + given["expires_in"] + 1
    cloud.clock = lambda: later
    assert tokens.bearer(header) is None


def test_a_request_without_the_google_header_is_refused(cloud: Cloud) -> None:
    metadata = cloud.client("machine", cloud.account("shield")["email"])
    for path in ("token", "email", "identity?audience=a"):
        assert metadata.get(f"{ACCOUNT}/{path}", headers={"Metadata-Flavor": "no"}).status_code == 403
        assert metadata.get(f"{ACCOUNT}/{path}", headers={"X-Forwarded-For": "192.0.2.9"}).status_code == 403
        allowed = metadata.get(f"{ACCOUNT}/{path}")
        assert (allowed.status_code, allowed.headers["Metadata-Flavor"]) == (200, "Google")
    assert metadata.get(f"{ACCOUNT}/identity").status_code == 400


def test_a_deleted_account_gets_no_token(cloud: Cloud) -> None:
    shield = cloud.account("shield")
    metadata = cloud.client("machine", shield["email"])
    header = f"Bearer {metadata.get(f'{ACCOUNT}/token').json()['access_token']}"
    cloud.api.delete(f"iam/v1/projects/unit/serviceAccounts/{shield['email']}").raise_for_status()
    assert metadata.get(f"{ACCOUNT}/token").status_code == 404
    assert metadata.get(f"{ACCOUNT}/identity", params={"audience": "a"}).status_code == 404
    assert Tokens(cloud.store).bearer(header) is None


def test_a_client_keeps_its_address_until_it_is_deleted(cloud: Cloud) -> None:
    email = cloud.account("shield")["email"]
    first, second = cloud.client("a", email), cloud.client("b", email)
    assert first is not second
    assert cloud.client("a", email) is first
    again = MetadataServers(cloud.store, "192.0.2.0/24", cloud._listen)  # pyright: ignore[reportPrivateUsage]
    assert again is not None
    assert sorted(cloud.servers) == ["192.0.2.1", "192.0.2.2"]
    cloud.api.delete(f"{CLIENTS_PATH}/a").raise_for_status()
    assert sorted(cloud.servers) == ["192.0.2.2"]
    cloud.client("c", email)
    assert sorted(cloud.servers) == ["192.0.2.1", "192.0.2.2"]


@pytest.mark.parametrize("name", ["short", "a" * 31, "Upper-case"])
def test_the_id_of_an_account_has_the_form_that_google_requires(cloud: Cloud, name: str) -> None:
    request: dict[str, Any] = {"accountId": name, "serviceAccount": {}}
    assert cloud.api.post("iam/v1/projects/unit/serviceAccounts", json=request).status_code == 400
