"""Tests a part of the plan gate, which checks Pulumi plans, on a small stack. The gate determines which read paths
(ways from a client to an object) still work after the loss of parts of the stack.
"""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from pydantic import ValidationError

from gates.plan import Resource
from gates.resilience import NotSurvived, Statements, Survived, prove
from tests.unit.gates.plans import urn

HOST = "packages.example.com"
SLIP = "region:mars"
SCRIPT = "cloudflare:index/workersScript:WorkersScript"
NODE, EIP, SUBNET = "aws:ec2/instance:Instance", "aws:ec2/eip:Eip", "aws:ec2/subnet:Subnet"
RECORD, BUCKET = "aws:route53/record:Record", "aws:s3/bucket:Bucket"
TABLE, URL = "aws:dynamodb/table:Table", "aws:lambda/functionUrl:FunctionUrl"


def resource(kind: str, name: str, inputs: Mapping[str, Any], uses: Sequence[str] = ()) -> Resource:
    return Resource(urn(kind, name), kind, name, inputs, after=tuple(uses))


def bucket(region: str) -> Resource:
    return resource(BUCKET, region, {"region": region, "bucket": f"objects-{region}"})


def shield(region: str, zone: str, *buckets: str) -> list[Resource]:
    """Returns the resources of a shield (a regional cache): a machine, and its subnet, address and DNS name.

    `buckets` lists the regions of the buckets from which the machine reads.
    """
    name, place = f"{region}-{zone}", {"region": region}
    boot = "\n".join(f"map http://x/ https://objects-{one}.s3.amazonaws.com/" for one in buckets)
    packed = base64.b64encode(gzip.compress(boot.encode())).decode()
    return [
        resource(SUBNET, name, {**place, "availabilityZone": f"{region}{zone}"}),
        resource(NODE, name, {**place, "userDataBase64": packed}, [urn(SUBNET, name)]),
        resource(EIP, name, place, [urn(NODE, name)]),
        resource(RECORD, f"node-{name}", {"name": f"{name}.shield.example.com", "records": ["1"]}, [urn(EIP, name)]),
    ]


def cloudflare(*shields: str, api: bool = False) -> list[Resource]:
    listed = json.dumps([{"host": f"{name}.shield.example.com:8443", "region": name[:-2]} for name in shields])
    texts = {"HOSTNAME": HOST, "SHIELDS": listed, "KEY": "[secret]"}
    bindings = [{"name": name, "text": text} for name, text in texts.items()]
    api_parts = [resource(URL, "api", {"region": "us-east-1"}), resource(TABLE, "metadata", {"region": "us-east-1"})]
    return [
        resource("cloudflare:index/dnsRecord:DnsRecord", "fallback", {"name": "test.zone.test", "proxied": True}),
        resource("cloudflare:index/workersKvNamespace:WorkersKvNamespace", "tokens", {}),
        resource(SCRIPT, "edge", {"bindings": bindings}, [urn(URL, "api")] if api else []),
        *(api_parts if api else []),
    ]


TO_CLOUDFLARE = resource(RECORD, "cloudflare", {"name": HOST, "records": ["test.zone.test"]})
TWO_REGIONS = [
    TO_CLOUDFLARE,
    bucket("us-east-1"),
    bucket("eu-west-1"),
    *shield("us-east-1", "a", "us-east-1", "eu-west-1"),
    *shield("us-east-1", "b", "us-east-1", "eu-west-1"),
    *shield("eu-west-1", "a", "eu-west-1", "us-east-1"),
]
SHIELDS = ("us-east-1-a", "us-east-1-b", "eu-west-1-a")
ONE_OF_EACH = [
    NotSurvived(all=[loss], reason="there is only one of it in this stack")
    for loss in ("cloud:aws", "dns:route53", "dns:cloudflare", "edge:cloudflare", "store:WorkersKvNamespace tokens")
]


def findings_of(
    resources: Sequence[Resource], *survives: Survived, borne: Sequence[NotSurvived] = ONE_OF_EACH
) -> list[str]:
    return prove(resources, Statements(survives=list(survives), does_not_survive=list(borne))).findings


def each(*kinds: Any) -> Survived:
    return Survived(each=list(kinds))


ALL = (each("zone"), each("region"), each("store"))


def test_two_regions_survive_the_loss_of_either_and_of_any_zone_and_bucket() -> None:
    assert findings_of([*TWO_REGIONS, *cloudflare(*SHIELDS)], *ALL) == []


def test_the_counterexample_names_the_loss_the_path_and_the_broken_hop() -> None:
    findings = findings_of([*TWO_REGIONS, *cloudflare("us-east-1-a", "us-east-1-b")], *ALL)
    assert findings == [
        "loss of region:us-east-1: npm packument, cached token and 11 more paths has no edge network for"
        " packages.example.com: Cloudflare has no shield: us-east-1-a.shield.example.com is lost with region:us-east-1;"
        " us-east-1-b.shield.example.com is lost with region:us-east-1"
    ]


def test_shields_that_read_from_one_bucket_do_not_survive_it() -> None:
    stack = [
        TO_CLOUDFLARE,
        bucket("us-east-1"),
        bucket("eu-west-1"),
        *shield("us-east-1", "a", "us-east-1"),
        *shield("eu-west-1", "a", "us-east-1"),
        *cloudflare("us-east-1-a", "eu-west-1-a"),
    ]
    findings = findings_of(stack, *ALL)
    assert len(findings) == 2
    assert all("has no origin: Bucket us-east-1 is lost" in finding for finding in findings)
    assert any(finding.startswith("loss of store:Bucket us-east-1: ") for finding in findings)


def test_pairs_are_lost_together() -> None:
    stack = [*TWO_REGIONS, *cloudflare(*SHIELDS)]
    findings = findings_of(stack, *ALL, each("region", "zone"))
    assert {finding.split(": npm")[0] for finding in findings} == {"loss of region:us-east-1 and zone:eu-west-1a"}
    both = findings_of(stack, *ALL, Survived(all=["region:us-east-1", "region:eu-west-1"]))
    assert both[0].startswith("loss of region:eu-west-1 and region:us-east-1: npm packument")


def test_cold_tokens_need_the_metadata_api_and_cached_ones_the_store_or_the_api() -> None:
    stack = [*TWO_REGIONS, *cloudflare(*SHIELDS, api=True)]
    borne = [one for one in ONE_OF_EACH if one.all != ["store:WorkersKvNamespace tokens"]]
    findings = findings_of(stack, *ALL, borne=borne)
    assert {finding.split(": ", 1)[0] for finding in findings} == {
        "loss of region:us-east-1",
        "loss of store:Table metadata",
    }
    assert all(", cold token and 6 more paths" in finding for finding in findings), findings
    cold = [
        NotSurvived(all=[loss], paths=["*, cold token"], reason="a new token waits until the region is back")
        for loss in ("region:us-east-1", "store:Table metadata")
    ]
    assert findings_of(stack, *ALL, borne=[*borne, *cold]) == []


def own_pop() -> list[Resource]:
    """Returns the Pulumi resources of one machine of our own PoPs, including the machine's DNS records."""
    shields = json.dumps([{"host": "eu-west-1-a.shield.example.com:8443", "region": "eu-west-1"}])
    boot = f"write_files:\n    TABLE_REGIONS=us-east-1\n    {shields}\n"
    packed = base64.b64encode(gzip.compress(boot.encode())).decode()
    place = {"region": "eu-west-1"}
    association = "aws:ec2/eipAssociation:EipAssociation"
    return [
        resource(NODE, "pop", {**place, "userDataBase64": packed}),
        resource(EIP, "pop", place),
        resource(association, "pop", place, [urn(EIP, "pop"), urn(NODE, "pop")]),
        resource(RECORD, "pop", {"name": "pops.example.com", "records": ["1"]}, [urn(EIP, "pop")]),
        resource(RECORD, "own", {"name": HOST, "records": ["pops.example.com"], "healthCheckId": "own"}),
    ]


def test_a_network_is_replaced_by_another_one_only_if_dns_checks_its_health() -> None:
    stack = [*TWO_REGIONS[1:], *cloudflare(*SHIELDS, api=True), *own_pop()]
    inputs = {"name": HOST, "records": ["test.zone.test"]}
    checked = resource(RECORD, "cloudflare", {**inputs, "healthCheckId": "edge"})
    for loss in ("edge:cloudflare", "dns:cloudflare"):
        assert lost(loss, [*stack, checked]) == []
        assert "Cloudflare is lost" in lost(loss, [*stack, resource(RECORD, "cloudflare", inputs)])[0]


def located(location: Mapping[str, str], name: str, target: str) -> Resource:
    """Returns a geolocation record of our own PoPs. The record is an alias that points to the DNS name `target`."""
    alias = {"name": target, "evaluateTargetHealth": True}
    inputs = {"name": "geolocation.pops.example.com", "geolocationRoutingPolicies": [location], "aliases": [alias]}
    return resource(RECORD, name, inputs)


def test_geolocation_records_lead_all_clients_to_the_regions_of_the_default_record_only() -> None:
    europe = located({"continent": "EU"}, "europe", "pops.example.com")
    default = located({"country": "*"}, "default", "pops.example.com")
    own = resource(RECORD, "own", {"name": HOST, "records": ["geolocation.pops.example.com"], "healthCheckId": "own"})
    checked = resource(RECORD, "cloudflare", {"name": HOST, "records": ["test.zone.test"], "healthCheckId": "edge"})
    stack = [*TWO_REGIONS[1:], *cloudflare(*SHIELDS, api=True), *own_pop()[:-1], own, checked]
    assert lost("edge:cloudflare", [*stack, europe, default]) == []
    # Without a default record, DNS gives clients outside Europe no answer.
    assert "Cloudflare is lost" in lost("edge:cloudflare", [*stack, europe])[0]


def lost(loss: str, resources: Sequence[Resource]) -> list[str]:
    """Returns the findings of the plan gate (a check before `pulumi up`) for a stack that must survive only the loss
    `loss`. For example, `region:us-east-1` is the loss of all resources in this region.
    """
    all_findings = findings_of(resources, Survived(all=[loss]), borne=[])
    return [
        finding
        for finding in all_findings
        if finding.startswith(f"loss of {loss}: ") and "nothing is said" not in finding
    ]


def test_a_shield_on_google_cloud_needs_its_address_and_its_zone() -> None:
    machine, address = "gcp:compute/instance:Instance", "gcp:compute/address:Address"
    boot = {"user-data": "map http://x/ https://objects-us-east-1.s3.amazonaws.com/"}
    google = [
        resource(machine, "jp", {"zone": "asia-northeast1-b", "metadata": boot}, [urn(address, "jp")]),
        resource(address, "jp", {"region": "asia-northeast1"}),
        resource(RECORD, "node-jp", {"name": "jp-00.shield.example.com", "records": ["1"]}, [urn(address, "jp")]),
    ]
    stack = [TO_CLOUDFLARE, bucket("us-east-1"), *google, *cloudflare("jp-00")]
    for loss in ("zone:asia-northeast1-b", "region:asia-northeast1", "cloud:gcp", "region:us-east-1"):
        assert lost(loss, stack), loss


def test_objects_cannot_be_read_without_their_key() -> None:
    key = "aws:kms/key:Key"
    setting = "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
    stack = [
        TO_CLOUDFLARE,
        bucket("us-east-1"),
        resource(key, "objects", {"region": "us-east-1"}),
        resource(setting, "us-east-1", {}, [urn(BUCKET, "us-east-1"), urn(key, "objects")]),
        *shield("eu-west-1", "a", "us-east-1"),
        *cloudflare("eu-west-1-a"),
    ]
    assert "Bucket us-east-1 has no key" in lost("store:Key objects", stack)[0]


def test_a_metadata_api_reads_the_replica_in_its_region() -> None:
    home = {"region": "us-east-1"}
    stack = [
        *TWO_REGIONS,
        *(one for one in cloudflare(*SHIELDS, api=True) if one.type not in (URL, TABLE)),
        resource(URL, "api", {"region": "eu-west-1"}),
    ]
    replicated = resource(TABLE, "metadata", {**home, "replicas": [{"regionName": "eu-west-1"}]})
    assert lost("region:us-east-1", [*stack, replicated]) == []
    assert "metadata API in eu-west-1 has no table" in findings_of([*stack, resource(TABLE, "metadata", home)])[0]


def test_a_loss_declared_as_breaking_must_break_something() -> None:
    stack = [*TWO_REGIONS, *cloudflare(*SHIELDS)]
    stale = NotSurvived(all=["region:eu-west-1"], reason="was so before there were two regions")
    assert findings_of(stack, *ALL, borne=[*ONE_OF_EACH, stale]) == [
        "loss of region:eu-west-1: stated not to be survived by '*', but it is; take the statement out"
    ]


def test_every_loss_needs_a_statement() -> None:
    stack = [*TWO_REGIONS, *cloudflare(*SHIELDS)]
    assert findings_of(stack, each("zone"), each("region")) == [
        f"loss of store:Bucket {region}: nothing is said of it; name it under `survives` or `does_not_survive`"
        for region in ("eu-west-1", "us-east-1")
    ]


@pytest.mark.parametrize("statement", [Survived(all=[SLIP]), NotSurvived(all=[SLIP], reason="x" * 20)])
def test_a_loss_without_resources_is_an_error(statement: Survived | NotSurvived) -> None:
    survives = [*ALL, statement] if isinstance(statement, Survived) else [*ALL]
    borne = [*ONE_OF_EACH, statement] if isinstance(statement, NotSurvived) else ONE_OF_EACH
    findings = findings_of([*TWO_REGIONS, *cloudflare(*SHIELDS)], *survives, borne=borne)
    assert len(findings) == 1
    assert f"{SLIP} is nothing that a path stands on" in findings[0]


def test_a_stack_without_a_name_for_clients_has_no_path() -> None:
    findings = findings_of([one for one in TWO_REGIONS if one is not TO_CLOUDFLARE])
    assert len(findings) == 14
    assert findings[0].startswith("npm packument, cached token: no route even when nothing is lost: ")
    assert findings[0].endswith("has no host name for clients: there is none")


def test_a_statement_names_either_each_kind_or_single_losses() -> None:
    with pytest.raises(ValidationError, match="either `each`, a kind of loss, or `all`"):
        Survived(each="zone", all=["zone:a"])
