"""Tests the emulated Cloudflare provider. The tests check the resources that it creates, the drift that it reports, and
its error messages."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pulumi_cloudflare
import pytest
from cloudflare import Cloudflare
from cryptography.x509.oid import ExtendedKeyUsageOID

from emulation import pki
from emulation.cloudflare.in_process import client
from emulation.cloudflare.zone_owner import active_zone
from emulation.providers import schema
from emulation.providers.cloudflare import clients, functions, handlers
from emulation.providers.handler import CloudError, Created, Handler, Properties

ACCOUNT = "0123456789abcdef0123456789abcdef"
RULESET: Any = {
    "name": "waf",
    "kind": "zone",
    "phase": "http_request_firewall_custom",
    "rules": [
        {
            "action": "skip",
            "actionParameters": {"phases": ["http_ratelimit"]},
            "expression": "ip.src in {192.0.2.0/24}",
            "description": "allowed addresses",
            "logging": {"enabled": False},
        },
        {"action": "block", "expression": 'http.request.method eq "TRACE"', "enabled": True},
    ],
}
SOURCE = "export default { fetch() { return new Response('\u00e9') } };\r\n"


class Cloud:
    """Provides the handlers of all Cloudflare resource types, for one emulated account."""

    def __init__(self, api: Cloudflare) -> None:
        self.api = api
        self._handlers: dict[Any, Handler] = {handler.resource: handler for handler in handlers(lambda: api)}

    def of(self, resource: Any) -> Handler:
        return self._handlers[resource]

    def create(self, resource: Any, **inputs: Any) -> Created:
        assert schema.check(resource, inputs) == []
        return self._handlers[resource].create(inputs)

    def read(self, resource: Any, created: Created) -> Properties | None:
        return self._handlers[resource].read(created.id, created.outputs)

    def delete(self, resource: Any, created: Created) -> None:
        self._handlers[resource].delete(created.id, created.outputs)

    def zone(self) -> str:
        return active_zone(self.api, ACCOUNT, "artifact-edge.test")

    def namespace(self) -> Created:
        return self.create(pulumi_cloudflare.WorkersKvNamespace, accountId=ACCOUNT, title="entitlements")

    def script(self, namespace: str) -> Created:
        return self.create(
            pulumi_cloudflare.WorkersScript,
            accountId=ACCOUNT,
            scriptName="edge",
            content=SOURCE,
            mainModule="index.js",
            compatibilityDate="2026-11-01",
            compatibilityFlags=["nodejs_compat"],
            observability={"enabled": True},
            bindings=[
                {"name": "ORIGIN_KEY", "type": "secret_text", "text": "secret"},
                {"name": "ENTITLEMENTS", "type": "kv_namespace", "namespaceId": namespace},
                {"name": "HOSTNAME", "type": "plain_text", "text": "packages.artifact-edge.test"},
            ],
        )


@pytest.fixture
def cloud(tmp_path: Path) -> Cloud:
    return Cloud(client(tmp_path))


@pytest.fixture
def everything(cloud: Cloud, tmp_path: Path) -> dict[Any, Created]:
    """Creates one resource of each Cloudflare resource type for which the emulated provider has a handler."""
    authority = pki.Authority(tmp_path)
    pair = authority.issue(["edge"], ExtendedKeyUsageOID.CLIENT_AUTH)
    zone, namespace = cloud.zone(), cloud.namespace()
    script = cloud.script(namespace.id)
    return {
        pulumi_cloudflare.WorkersRoute: cloud.create(
            pulumi_cloudflare.WorkersRoute, zoneId=zone, pattern="packages.artifact-edge.test/*", script="edge"
        ),
        pulumi_cloudflare.WorkersScript: script,
        pulumi_cloudflare.WorkersKvNamespace: namespace,
        pulumi_cloudflare.MtlsCertificate: cloud.create(
            pulumi_cloudflare.MtlsCertificate,
            accountId=ACCOUNT,
            ca=False,
            certificates=pair.chain.decode(),
            privateKey=pair.key.decode(),
        ),
        pulumi_cloudflare.DnsRecord: cloud.create(
            pulumi_cloudflare.DnsRecord,
            zoneId=zone,
            name="packages.artifact-edge.test",
            type="CNAME",
            content="artifact-edge.example",
            ttl=300,
            comment="edge",
        ),
        pulumi_cloudflare.CustomHostname: cloud.create(
            pulumi_cloudflare.CustomHostname,
            zoneId=zone,
            hostname="packages.example.test",
            ssl={"type": "dv", "method": "txt", "settings": {"minTlsVersion": "1.2"}},
        ),
        pulumi_cloudflare.Ruleset: cloud.create(pulumi_cloudflare.Ruleset, zoneId=zone, **RULESET),
    }


def test_a_created_resource_reads_back_unchanged(cloud: Cloud, everything: dict[Any, Created]) -> None:
    for resource, created in everything.items():
        assert cloud.read(resource, created) == created.outputs, resource


def test_a_deleted_resource_reads_as_gone_and_deletes_again(cloud: Cloud, everything: dict[Any, Created]) -> None:
    for resource, created in everything.items():
        cloud.delete(resource, created)
        assert cloud.read(resource, created) is None, resource
        cloud.delete(resource, created)


def test_outputs_are_those_of_the_sdk(everything: dict[Any, Created]) -> None:
    for resource, created in everything.items():
        assert created.outputs.keys() <= schema.outputs_of(resource), resource
    assert everything[pulumi_cloudflare.CustomHostname].outputs["status"] == "pending"
    assert everything[pulumi_cloudflare.WorkersScript].outputs["hasModules"] is True


def test_a_zone_setting_changed_by_hand_is_drift_and_survives_deletion(cloud: Cloud) -> None:
    zone = cloud.zone()
    setting = cloud.create(pulumi_cloudflare.ZoneSetting, zoneId=zone, settingId="ssl", value="strict")
    assert cloud.read(pulumi_cloudflare.ZoneSetting, setting) == setting.outputs
    cloud.api.zones.settings.edit("ssl", zone_id=zone, value="full")
    now = cloud.read(pulumi_cloudflare.ZoneSetting, setting)
    assert now and now["value"] == "full"
    inputs = {name: setting.outputs[name] for name in ("zoneId", "settingId", "value")}
    again = cloud.of(pulumi_cloudflare.ZoneSetting).update(setting.id, now, inputs)
    assert again["value"] == "strict"
    cloud.delete(pulumi_cloudflare.ZoneSetting, setting)
    assert cloud.read(pulumi_cloudflare.ZoneSetting, setting) == again


@pytest.mark.parametrize(
    ("setting", "value", "message"),
    [
        ("ssl", "flexible", "not emulated: zone setting ssl of 'flexible'"),
        ("ssl", "strictest", "Invalid value for zone setting ssl: 'strictest'"),
        ("brotli", "on", "not emulated: the zone setting brotli"),
    ],
)
def test_a_zone_setting_that_the_pops_do_not_emulate_is_refused(
    cloud: Cloud, setting: str, value: str, message: str
) -> None:
    zone = cloud.zone()
    with pytest.raises(CloudError, match=re.escape(message)):
        cloud.create(pulumi_cloudflare.ZoneSetting, zoneId=zone, settingId=setting, value=value)


def test_a_script_changed_by_hand_is_drift(cloud: Cloud) -> None:
    script = cloud.script(cloud.namespace().id)
    metadata: Any = {
        "main_module": "index.js",
        "compatibility_date": "2026-10-01",
        "bindings": [{"name": "HOSTNAME", "type": "plain_text", "text": "elsewhere"}],
    }
    files: Any = [("index.js", b"export default {};", "application/javascript+module")]
    cloud.api.workers.scripts.update("edge", account_id=ACCOUNT, metadata=metadata, files=files)
    now = cloud.read(pulumi_cloudflare.WorkersScript, script)
    assert now
    assert (now["content"], now["compatibilityDate"], now["compatibilityFlags"], now["observability"]) == (
        "export default {};",
        "2026-10-01",
        [],
        None,
    )
    assert now["bindings"] == [{"name": "HOSTNAME", "type": "plain_text", "text": "elsewhere"}]


def test_a_script_is_updated_in_place(cloud: Cloud) -> None:
    script = cloud.script(cloud.namespace().id)
    inputs = {
        name: value for name, value in script.outputs.items() if name in ("accountId", "scriptName", "mainModule")
    }
    changed = {**inputs, "content": "export default { };", "compatibilityDate": "2026-11-02"}
    outputs = cloud.of(pulumi_cloudflare.WorkersScript).update(script.id, script.outputs, changed)
    assert outputs["etag"] != script.outputs["etag"]
    assert cloud.read(pulumi_cloudflare.WorkersScript, Created(script.id, outputs))["content"] == "export default { };"  # pyright: ignore[reportOptionalSubscript]


def test_a_namespace_a_route_and_a_record_changed_by_hand_are_drift(
    cloud: Cloud, everything: dict[Any, Created]
) -> None:
    namespace = everything[pulumi_cloudflare.WorkersKvNamespace]
    route = everything[pulumi_cloudflare.WorkersRoute]
    record = everything[pulumi_cloudflare.DnsRecord]
    zone: str = route.outputs["zoneId"]
    cloud.api.kv.namespaces.update(namespace.id, account_id=ACCOUNT, title="renamed")
    cloud.api.workers.routes.update(route.id, zone_id=zone, pattern="artifact-edge.test/*", script="edge")
    changes: Any = {
        "name": record.outputs["name"],
        "type": "CNAME",
        "ttl": 300,
        "content": "other.test",
        "comment": None,
    }
    cloud.api.dns.records.edit(record.id, zone_id=zone, **changes)
    seen = [
        (cloud.read(pulumi_cloudflare.WorkersKvNamespace, namespace) or {})["title"],
        (cloud.read(pulumi_cloudflare.WorkersRoute, route) or {})["pattern"],
        *[(cloud.read(pulumi_cloudflare.DnsRecord, record) or {})[name] for name in ("content", "comment")],
    ]
    assert seen == ["renamed", "artifact-edge.test/*", "other.test", None]


def test_a_hostname_and_a_route_are_updated_in_place(cloud: Cloud, everything: dict[Any, Created]) -> None:
    hostname, route = everything[pulumi_cloudflare.CustomHostname], everything[pulumi_cloudflare.WorkersRoute]
    zone: str = route.outputs["zoneId"]
    ssl = {"type": "dv", "method": "txt", "settings": {"minTlsVersion": "1.3"}}
    inputs = {"zoneId": zone, "hostname": "packages.example.test", "ssl": ssl}
    stricter = cloud.of(pulumi_cloudflare.CustomHostname).update(hostname.id, hostname.outputs, inputs)
    assert stricter["ssl"]["settings"] == {"minTlsVersion": "1.3"}
    moved = cloud.of(pulumi_cloudflare.WorkersRoute).update(
        route.id, route.outputs, {"zoneId": zone, "pattern": "*.artifact-edge.test/*", "script": "edge"}
    )
    assert moved["pattern"] == "*.artifact-edge.test/*"


def test_a_rule_changed_by_hand_is_drift_and_is_changed_back_in_place(
    cloud: Cloud, everything: dict[Any, Created]
) -> None:
    ruleset = everything[pulumi_cloudflare.Ruleset]
    zone: str = ruleset.outputs["zoneId"]
    rules: Any = [{"action": "block", "expression": 'http.request.method eq "PATCH"'}]
    cloud.api.rulesets.update(ruleset.id, zone_id=zone, rules=rules)
    now = cloud.read(pulumi_cloudflare.Ruleset, ruleset)
    assert now and [rule["expression"] for rule in now["rules"]] == ['http.request.method eq "PATCH"']
    again = cloud.of(pulumi_cloudflare.Ruleset).update(ruleset.id, now, {**RULESET, "zoneId": zone})
    assert again["rules"] == ruleset.outputs["rules"]
    assert cloud.read(pulumi_cloudflare.Ruleset, Created(ruleset.id, again)) == again


def test_the_fallback_origin_of_a_zone_is_set_changed_and_removed(cloud: Cloud) -> None:
    zone = cloud.zone()
    for name in ("a.artifact-edge.test", "b.artifact-edge.test"):
        cloud.create(
            pulumi_cloudflare.DnsRecord, zoneId=zone, name=name, type="AAAA", content="100::", ttl=1, proxied=True
        )
    fallback = cloud.create(pulumi_cloudflare.CustomHostnameFallbackOrigin, zoneId=zone, origin="a.artifact-edge.test")
    assert fallback.id == zone
    handler = cloud.of(pulumi_cloudflare.CustomHostnameFallbackOrigin)
    handler.update(zone, fallback.outputs, {"zoneId": zone, "origin": "b.artifact-edge.test"})
    now = cloud.read(pulumi_cloudflare.CustomHostnameFallbackOrigin, fallback)
    assert now and now["origin"] == "b.artifact-edge.test"
    cloud.delete(pulumi_cloudflare.CustomHostnameFallbackOrigin, fallback)
    assert cloud.read(pulumi_cloudflare.CustomHostnameFallbackOrigin, fallback) is None


def test_a_zone_is_found_by_name_and_account(cloud: Cloud) -> None:
    (find,) = (each for each in functions(lambda: cloud.api) if each.token.endswith(":getZone"))
    zone = cloud.zone()
    wanted = {"name": "artifact-edge.test", "account": {"id": ACCOUNT}, "match": "all"}
    found = find.invoke({"filter": wanted})
    assert (found["zoneId"], found["status"]) == (zone, "active")
    with pytest.raises(CloudError, match=r"0 zones of account .* have the name other\.test"):
        find.invoke({"filter": {**wanted, "name": "other.test"}})


def test_a_property_that_cannot_change_in_place_replaces_the_resource(cloud: Cloud) -> None:
    certificate = cloud.of(pulumi_cloudflare.MtlsCertificate)
    assert {"certificates", "privateKey"} <= certificate.replace_on
    assert "content" not in cloud.of(pulumi_cloudflare.WorkersScript).replace_on


def test_no_output_except_the_input_contains_a_secret(everything: dict[Any, Created]) -> None:
    for resource, created in everything.items():
        derived = {name: value for name, value in created.outputs.items() if name not in ("bindings", "privateKey")}
        outputs = json.dumps(derived)
        assert 'secret"' not in outputs, resource
        assert "PRIVATE KEY" not in outputs, resource


def test_an_input_that_would_be_ignored_is_refused_by_name(cloud: Cloud) -> None:
    with pytest.raises(CloudError, match="placement"):
        cloud.create(
            pulumi_cloudflare.WorkersScript,
            accountId=ACCOUNT,
            scriptName="edge",
            content=SOURCE,
            mainModule="index.js",
            placement={"mode": "smart"},
        )


def test_a_refusal_contains_cloudflares_message(cloud: Cloud) -> None:
    zone = cloud.zone()
    inputs = {"zoneId": zone, "hostname": "a.artifact-edge.test", "ssl": {"type": "dv", "method": "txt"}}
    with pytest.raises(CloudError, match=r"belongs to the zone artifact-edge\.test itself \(code 1407\)"):
        cloud.create(pulumi_cloudflare.CustomHostname, **inputs)
    with pytest.raises(CloudError, match=r"script nothing .* \(code 10019\)"):
        cloud.create(pulumi_cloudflare.WorkersRoute, zoneId=zone, pattern="artifact-edge.test/*", script="nothing")


def test_the_real_cloudflare_is_never_called_by_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CLOUDFLARE_BASE_URL", raising=False)
    with pytest.raises(CloudError, match="CLOUDFLARE_BASE_URL"):
        clients.from_environment()


def test_cloudflares_addresses_are_listed(cloud: Cloud) -> None:
    (ranges,) = (each for each in functions(lambda: cloud.api) if each.token.endswith(":getIpRanges"))
    outputs = ranges.invoke({})
    assert "104.16.0.0/13" in outputs["ipv4Cidrs"]
    assert "2606:4700::/32" in outputs["ipv6Cidrs"]
