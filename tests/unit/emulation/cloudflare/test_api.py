"""Tests the emulated Cloudflare API with Cloudflare's official SDK."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cloudflare
import httpx
import pytest
from cloudflare import Cloudflare
from cryptography.x509.oid import ExtendedKeyUsageOID

from emulation import pki
from emulation.cloudflare.api import create_app
from emulation.cloudflare.deployment import Deployment, NoPops
from emulation.cloudflare.in_process import client
from emulation.cloudflare.zones import REGISTRAR_PATH
from emulation.state_store import StateStore

ACCOUNT = "0123456789abcdef0123456789abcdef"
SOURCE = b"export default { fetch() { return new Response('\xc3\xa9\\r\\n'); } };\r\n"


@pytest.fixture
def api(tmp_path: Path) -> Cloudflare:
    return client(tmp_path)


@pytest.fixture
def zone(api: Cloudflare) -> str:
    created = api.zones.create(account={"id": ACCOUNT}, name="artifact-edge.test", type="full")
    assert created
    return created.id


@pytest.fixture
def namespace(api: Cloudflare) -> str:
    created = api.kv.namespaces.create(account_id=ACCOUNT, title="entitlements")
    assert created
    return created.id


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> pki.Authority:
    return pki.Authority(tmp_path_factory.mktemp("pki"))


def deploy(api: Cloudflare, bindings: list[dict[str, Any]], **metadata: Any) -> Any:
    whole: Any = {"main_module": "index.js", "compatibility_date": "2026-11-01", "bindings": bindings, **metadata}
    return api.workers.scripts.update(
        "edge",
        account_id=ACCOUNT,
        metadata=whole,
        files=[("index.js", SOURCE, "application/javascript+module")],
    )


def rate_limit(namespace_id: Any = "1", **simple: Any) -> dict[str, Any]:
    """Returns a rate limiting binding of a worker. `simple` overrides or adds settings of the binding. A test can also
    set invalid values.
    """
    return {
        "name": "R",
        "type": "ratelimit",
        "namespace_id": namespace_id,
        "simple": {"limit": 5, "period": 10, **simple},
    }


def code(error: pytest.ExceptionInfo[cloudflare.APIStatusError]) -> int | None:
    return error.value.errors[0].code


def test_a_request_without_a_token_is_refused(tmp_path: Path) -> None:
    app = create_app(StateStore(tmp_path / "state.sqlite"))
    answer = app.test_client().get("/client/v4/zones")
    assert (answer.status_code, answer.get_json()["success"]) == (403, False)


def test_any_token_is_verified(api: Cloudflare) -> None:
    verified = api.user.tokens.verify()
    assert verified
    assert verified.status == "active"


def test_an_endpoint_that_is_not_emulated_is_named(api: Cloudflare) -> None:
    with pytest.raises(
        cloudflare.APIStatusError, match=r"not emulated: GET /client/v4/accounts/.*/r2/buckets"
    ) as error:
        api.r2.buckets.list(account_id=ACCOUNT)
    assert error.value.status_code == 501


def test_an_error_names_the_fault_of_the_emulation(tmp_path: Path) -> None:
    class BrokenPops(NoPops):
        def converge(self, deployment: Deployment) -> None:
            raise FileNotFoundError("no such process")

    app = create_app(StateStore(tmp_path / "state.sqlite"), BrokenPops()).test_client()
    asked = {
        "headers": {"Authorization": "Bearer any"},
        "json": {"name": "artifact-edge.test", "account": {"id": ACCOUNT}},
    }
    assert app.post("/client/v4/zones", **asked).status_code == 200
    answer = app.put(f"/client/v4{REGISTRAR_PATH}/artifact-edge.test", **asked)
    assert answer.status_code == 500
    assert "fault of the emulated Cloudflare: FileNotFoundError('no such process')" in answer.text


def test_a_request_member_that_would_be_ignored_is_refused(api: Cloudflare, zone: str) -> None:
    with pytest.raises(cloudflare.APIStatusError, match=r"not emulated.*tags"):
        api.cache.purge(zone_id=zone, tags=["a"])


def test_the_state_outlives_the_process_in_a_file_for_its_owner_only(tmp_path: Path) -> None:
    created = client(tmp_path).zones.create(account={"id": ACCOUNT}, name="artifact-edge.test", type="full")
    assert created
    assert client(tmp_path).zones.get(zone_id=created.id) == created
    assert [path for path in tmp_path.iterdir() if path.stat().st_mode & 0o077] == []


def test_zones_are_found_by_name_edited_and_deleted(api: Cloudflare, zone: str) -> None:
    assert [found.id for found in api.zones.list(name="artifact-edge.test")] == [zone]
    assert list(api.zones.list(name="other.test")) == []
    edited = api.zones.edit(zone_id=zone, paused=True)
    assert edited
    assert edited.paused is True
    with pytest.raises(cloudflare.BadRequestError) as taken:
        api.zones.create(account={"id": ACCOUNT}, name="artifact-edge.test")
    assert code(taken) == 1061
    api.zones.delete(zone_id=zone)
    with pytest.raises(cloudflare.NotFoundError):
        api.zones.get(zone_id=zone)


def test_a_new_zone_is_pending_until_its_domain_is_delegated(api: Cloudflare, zone: str) -> None:
    assert api.zones.get(zone_id=zone).status == "pending"  # pyright: ignore[reportOptionalMemberAccess]
    api.put(f"{REGISTRAR_PATH}/artifact-edge.test", cast_to=object)
    assert api.zones.get(zone_id=zone).status == "active"  # pyright: ignore[reportOptionalMemberAccess]


def test_a_partial_zone_is_refused_on_the_free_plan(api: Cloudflare) -> None:
    with pytest.raises(cloudflare.BadRequestError, match="Partial zone signup not allowed") as refused:
        api.zones.create(account={"id": ACCOUNT}, name="artifact-edge.test", type="partial")
    assert code(refused) == 1104


def test_dns_records_are_kept_in_their_zone(api: Cloudflare, zone: str) -> None:
    name = "packages.artifact-edge.test"
    record = api.dns.records.create(zone_id=zone, name=name, type="A", content="192.0.2.1", ttl=60, proxied=True)
    assert record
    assert [(found.name, found.content) for found in api.dns.records.list(zone_id=zone)] == [(name, "192.0.2.1")]
    api.dns.records.update(record.id, zone_id=zone, name=name, type="A", content="192.0.2.2", ttl=60)
    changed = api.dns.records.get(record.id, zone_id=zone)
    assert changed
    assert (changed.content, changed.proxied) == ("192.0.2.2", False)
    api.dns.records.delete(record.id, zone_id=zone)
    with pytest.raises(cloudflare.NotFoundError):
        api.dns.records.get(record.id, zone_id=zone)


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ({"name": "a.artifact-edge.test", "type": "A", "content": "::1"}, 9005),
        ({"name": "a.other.test", "type": "A", "content": "192.0.2.1"}, 9018),
        ({"name": "taken.artifact-edge.test", "type": "A", "content": "192.0.2.1"}, 81058),
        ({"name": "taken.artifact-edge.test", "type": "CNAME", "content": "b.test"}, 81053),
        ({"name": "a.artifact-edge.test", "type": "NAPTR", "content": "x"}, 10405),
    ],
)
def test_an_invalid_dns_record_is_refused(api: Cloudflare, zone: str, record: dict[str, Any], expected: int) -> None:
    api.dns.records.create(zone_id=zone, name="taken.artifact-edge.test", type="A", content="192.0.2.1", ttl=1)
    with pytest.raises(cloudflare.APIStatusError) as refused:
        api.dns.records.create(zone_id=zone, ttl=1, **record)
    assert code(refused) == expected


def test_a_namespace_is_renamed_and_its_title_is_its_own(api: Cloudflare, namespace: str) -> None:
    renamed = api.kv.namespaces.update(namespace, account_id=ACCOUNT, title="other")
    assert renamed
    assert renamed.title == "other"
    with pytest.raises(cloudflare.BadRequestError) as taken:
        api.kv.namespaces.create(account_id=ACCOUNT, title="other")
    assert code(taken) == 10014


@pytest.mark.parametrize("key", ["token:abc", "with/slash//twice", "space and +"])
def test_values_come_back_byte_for_byte(api: Cloudflare, namespace: str, key: str) -> None:
    where: Any = {"account_id": ACCOUNT, "namespace_id": namespace}
    api.kv.namespaces.values.update(key, value=b"\x00\xff\r\n", metadata={"owner": "alice"}, **where)
    assert api.kv.namespaces.values.get(key, **where).read() == b"\x00\xff\r\n"
    assert api.kv.namespaces.metadata.get(key, **where) == {"owner": "alice"}
    assert [(found.name, found.metadata) for found in api.kv.namespaces.keys.list(namespace, account_id=ACCOUNT)] == [
        (key, {"owner": "alice"})
    ]
    api.kv.namespaces.values.delete(key, **where)
    with pytest.raises(cloudflare.NotFoundError):
        api.kv.namespaces.values.get(key, **where)


def test_a_value_expires(tmp_path: Path) -> None:
    time = [1_795_000_000.0]
    store = StateStore(tmp_path / "state.sqlite", clock=lambda: time[0])
    api = Cloudflare(
        api_token="any",
        base_url="http://cloudflare.invalid/client/v4",
        http_client=httpx.Client(transport=httpx.WSGITransport(app=create_app(store))),
        max_retries=0,
    )
    namespace = api.kv.namespaces.create(account_id=ACCOUNT, title="entitlements")
    assert namespace
    where: Any = {"account_id": ACCOUNT, "namespace_id": namespace.id}
    api.kv.namespaces.values.update("brief", value=b"1", expiration_ttl=60, **where)
    assert api.kv.namespaces.values.get("brief", **where).read() == b"1"
    time[0] += 61
    with pytest.raises(cloudflare.NotFoundError):
        api.kv.namespaces.values.get("brief", **where)
    assert list(api.kv.namespaces.keys.list(namespace.id, account_id=ACCOUNT)) == []


@pytest.mark.parametrize(
    ("key", "options"),
    [
        ("k" * 513, {}),
        ("brief", {"expiration_ttl": 59}),
        ("past", {"expiration": 1_000_000}),
        ("m", {"metadata": {"m": "x" * 1024}}),
    ],
)
def test_a_value_beyond_the_limits_is_refused(
    api: Cloudflare, namespace: str, key: str, options: dict[str, Any]
) -> None:
    with pytest.raises(cloudflare.APIStatusError):
        api.kv.namespaces.values.update(key, account_id=ACCOUNT, namespace_id=namespace, value=b"1", **options)
    assert list(api.kv.namespaces.keys.list(namespace, account_id=ACCOUNT)) == []


def test_many_values_are_written_listed_by_prefix_page_by_page_and_deleted(api: Cloudflare, namespace: str) -> None:
    pairs: Any = [{"key": f"token:{number:03}", "value": json.dumps({"n": number})} for number in range(25)]
    api.kv.namespaces.bulk_update(namespace, account_id=ACCOUNT, body=[*pairs, {"key": "other", "value": "x"}])
    page = api.kv.namespaces.keys.list(namespace, account_id=ACCOUNT, prefix="token:", limit=10)
    assert len(page.result) == 10
    assert [found.name for found in page] == [pair["key"] for pair in pairs]
    api.kv.namespaces.bulk_delete(namespace, account_id=ACCOUNT, body=[pair["key"] for pair in pairs])
    assert [found.name for found in api.kv.namespaces.keys.list(namespace, account_id=ACCOUNT)] == ["other"]


def test_a_bulk_write_with_one_bad_value_stores_nothing(api: Cloudflare, namespace: str) -> None:
    with pytest.raises(cloudflare.BadRequestError):
        api.kv.namespaces.bulk_update(
            namespace,
            account_id=ACCOUNT,
            body=[{"key": "good", "value": "1"}, {"key": "bad", "value": "%", "base64": True}],
        )
    assert list(api.kv.namespaces.keys.list(namespace, account_id=ACCOUNT)) == []


def test_a_script_is_returned_without_its_secrets(api: Cloudflare, namespace: str) -> None:
    bindings = [
        {"name": "ENTITLEMENTS", "type": "kv_namespace", "namespace_id": namespace},
        {"name": "HOSTNAME", "type": "plain_text", "text": "packages.artifact-edge.test"},
        {"name": "ORIGIN_KEY", "type": "secret_text", "text": "secret"},
    ]
    deploy(api, bindings, observability={"enabled": True})
    settings = api.workers.scripts.script_and_version_settings.get("edge", account_id=ACCOUNT)
    assert settings
    assert [binding.to_dict() for binding in settings.bindings or []] == [
        *bindings[:2],
        {"name": "ORIGIN_KEY", "type": "secret_text"},
    ]
    assert settings.compatibility_date == "2026-11-01"
    content = api.workers.scripts.content.get("edge", account_id=ACCOUNT).read()
    assert SOURCE in content
    assert b"secret\r" not in content


def test_a_changed_script_has_another_etag(api: Cloudflare) -> None:
    first = deploy(api, []).etag
    changed = api.workers.scripts.update(
        "edge",
        account_id=ACCOUNT,
        metadata={"main_module": "index.js", "compatibility_date": "2026-11-01"},
        files=[("index.js", SOURCE + b"//", "application/javascript+module")],
    )
    assert changed
    assert changed.etag != first


@pytest.mark.parametrize(
    ("binding", "words"),
    [
        ({"name": "DB", "type": "d1", "database_id": "x"}, "binding DB of type d1"),
        ({"name": "KV", "type": "kv_namespace", "namespace_id": "none"}, "KV namespace 'none'"),
        ({"name": "SHIELD", "type": "mtls_certificate", "certificate_id": "none"}, "mTLS certificate 'none'"),
        ({"name": "not a name", "type": "plain_text", "text": "x"}, "'not a name'"),
        ({"name": "TEXT", "type": "plain_text"}, "TEXT of type plain_text has no text"),
        ({"name": "R", "type": "ratelimit", "namespace_id": "1"}, "R of type ratelimit has no simple"),
        (rate_limit(namespace_id=1), "namespace_id 1 of binding R is not the text of a positive integer"),
        (rate_limit(namespace_id="0"), "namespace_id '0' of binding R is not the text of a positive integer"),
        (rate_limit(period=30), "period 30 of binding R is not 10 or 60"),
        (rate_limit(limit=0), "limit 0 of binding R is not a positive integer"),
        (rate_limit(limit=1.5), "limit 1.5 of binding R is not a positive integer"),
        (rate_limit(mitigation_timeout=60), "with mitigation_timeout"),
    ],
)
def test_an_invalid_binding_is_refused(api: Cloudflare, binding: dict[str, Any], words: str) -> None:
    with pytest.raises(cloudflare.APIStatusError, match=words):
        deploy(api, [binding])


def test_a_route_needs_an_existing_script_and_prevents_its_deletion(api: Cloudflare, zone: str) -> None:
    with pytest.raises(cloudflare.BadRequestError, match="edge"):
        api.workers.routes.create(zone_id=zone, pattern="packages.artifact-edge.test/*", script="edge")
    deploy(api, [])
    route = api.workers.routes.create(zone_id=zone, pattern="packages.artifact-edge.test/*", script="edge")
    assert route
    with pytest.raises(cloudflare.ConflictError, match=r"packages\.artifact-edge\.test"):
        api.workers.scripts.delete("edge", account_id=ACCOUNT)
    api.workers.routes.delete(route.id, zone_id=zone)
    api.workers.scripts.delete("edge", account_id=ACCOUNT)
    with pytest.raises(cloudflare.NotFoundError):
        api.workers.scripts.script_and_version_settings.get("edge", account_id=ACCOUNT)


@pytest.mark.parametrize("pattern", ["packages.other.test/*", "packages.*.test/*", "packages.artifact-edge.test/*/x"])
def test_a_route_pattern_that_matches_nothing_of_the_zone_is_refused(api: Cloudflare, zone: str, pattern: str) -> None:
    deploy(api, [])
    with pytest.raises(cloudflare.BadRequestError, match="route pattern"):
        api.workers.routes.create(zone_id=zone, pattern=pattern, script="edge")


def test_a_client_certificate_is_returned_without_its_key(api: Cloudflare, authority: pki.Authority) -> None:
    pair = authority.issue(["edge"], ExtendedKeyUsageOID.CLIENT_AUTH)
    uploaded = api.mtls_certificates.create(
        account_id=ACCOUNT, ca=False, certificates=pair.chain.decode(), private_key=pair.key.decode(), name="edge"
    )
    assert uploaded
    assert uploaded.id
    assert "PRIVATE" not in uploaded.to_json()
    assert "edge authority" in (uploaded.issuer or "")
    deploy(api, [{"name": "SHIELD", "type": "mtls_certificate", "certificate_id": uploaded.id}])
    with pytest.raises(cloudflare.ConflictError, match="script edge"):
        api.mtls_certificates.delete(uploaded.id, account_id=ACCOUNT)


def test_a_key_of_another_certificate_is_refused(api: Cloudflare, authority: pki.Authority) -> None:
    one, other = (authority.issue(["edge"], ExtendedKeyUsageOID.CLIENT_AUTH) for _ in range(2))
    for chain, key in ((one.chain, other.key), (one.chain, b"no key"), (b"no certificate", one.key)):
        with pytest.raises(cloudflare.BadRequestError):
            api.mtls_certificates.create(
                account_id=ACCOUNT, ca=False, certificates=chain.decode(), private_key=key.decode()
            )
    assert list(api.mtls_certificates.list(account_id=ACCOUNT)) == []


def test_only_urls_are_purged(api: Cloudflare, zone: str) -> None:
    api.cache.purge(zone_id=zone, files=["https://us-east-1-0.shield.artifact-edge.test:8443/objects/npm/x"])
    with pytest.raises(cloudflare.BadRequestError, match=r"npm/x: not a URL"):
        api.cache.purge(zone_id=zone, files=["npm/x"])


def test_cloudflares_addresses_need_no_token(tmp_path: Path) -> None:
    answer = create_app(StateStore(tmp_path / "state.sqlite")).test_client().get("/client/v4/ips").get_json()
    assert "104.16.0.0/13" in answer["result"]["ipv4_cidrs"]
