"""Tests which stack configs the config loader accepts. Also tests that the loader reports each mistake in one line."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pulumi
import pytest
import yaml

from contract.regions import REGIONS
from infra.dns.geolocation import regions_by_area
from stacks.config import ConfigError, Stack, load
from stacks.reference import page
from tests.support.stacks import ENVIRONMENTS, ON_GOOGLE, as_config, stack_config

ROOT = Path(__file__).parents[3]


def problems(*, environment: str = "staging", remove: str = "", secret: str = "", **changes: Any) -> list[str]:
    """Changes some keys of the namespace `artifact-edge` in an environment's config. Returns the error messages for the
    changed config.
    """
    values = stack_config(environment)
    values.pop(remove, None)
    values |= {
        f"artifact-edge:{key}": value if isinstance(value, str) else json.dumps(value) for key, value in changes.items()
    }
    with pytest.raises(ConfigError) as raised:
        load(environment, values, [secret])
    return str(raised.value).splitlines()


def shield(**changes: Any) -> list[dict[str, Any]]:
    return [{"cloud": "aws", "region": "us-east-1", "machine_type": "i4i.large", "nodes": 1} | changes]


def pop(**changes: Any) -> list[dict[str, Any]]:
    return [{"region": "us-east-1", "machine_type": "i4i.large", "nodes": 1} | changes]


def google_pop(**changes: Any) -> list[dict[str, Any]]:
    return pop(**{"cloud": "gcp", "region": "us-east1", "machine_type": "n2-standard-8"} | changes)


def edge(**changes: Any) -> dict[str, Any]:
    return {"account_id": "0" * 32, "zone": "artifact-edge-zone.test", **changes}


@pytest.mark.parametrize(("standby", "most"), [([], 4), (["us-east1"], 3)])
def test_more_buckets_than_a_shield_reads_from_are_refused(standby: list[str], most: int) -> None:
    regions = ["us-east-1", "eu-west-1", "us-west-2", "ap-southeast-1", "sa-east-1"][: most + 1]
    blobs = {"store": "s3", "regions": regions, "standby": standby}
    shields = shield() + shield(cloud="gcp", region="us-east1", machine_type="n2-standard-8")
    (message,) = [line for line in problems(blobs=blobs, shields=shields, remove="gcp:project") if "blobs" in line]
    assert message.startswith(f"artifact-edge:blobs.regions: {', '.join(regions)} are {most + 1}; ")
    assert message.endswith(f"so name up to {most}")


def test_pops_need_stores_that_they_can_read() -> None:
    lines = problems(environment="prod", **ON_GOOGLE, pops=pop())
    assert lines == [
        f"artifact-edge:pops: own PoPs do not work with artifact-edge:{section}.store '{store}';"
        f" use '{needed}', or leave artifact-edge:pops out"
        for section, store, needed in (("blobs", "gcs", "s3"), ("metadata", "spanner", "dynamodb"))
    ]


def test_pops_on_google_cloud_have_its_regions_and_machine_types_and_need_a_project() -> None:
    assert problems(pops=google_pop(region="us-east-1")) == [
        "artifact-edge:pops[0].region: contract/regions.py lacks the Google Cloud region 'us-east-1'; if it exists, add"
        " it there; did you mean 'us-east1'?"
    ]
    (line,) = problems(pops=google_pop(machine_type="i4i.large"))
    assert "'i4i.large' is not in the list of Google machine types with local SSDs" in line
    config = stack_config("dev") | as_config({"pops": google_pop()})
    with pytest.raises(ConfigError, match="gcp:project"):
        load("dev", {key: value for key, value in config.items() if key != "gcp:project"})


def test_pops_on_google_cloud_read_their_secrets_where_objects_or_metadata_are() -> None:
    config = stack_config("prod") | as_config({"pops": google_pop()})
    stack = load("prod", config)
    assert stack.pop_secret_regions == stack.google_pop_secret_regions == stack.certificate_regions
    assert len(stack.pop_secret_regions) == 2


def test_clients_are_led_to_pops_only_where_there_are_pops() -> None:
    assert problems(pops_percent=25) == [
        "artifact-edge:pops_percent: 25 percent of the clients cannot be led to own PoPs, because artifact-edge:pops is"
        " empty; use 0, or add PoPs first"
    ]
    assert problems(pops=pop(), pops_percent=101)[0].startswith("artifact-edge:pops_percent: ")


def test_an_accelerator_needs_pops_that_it_can_lead_clients_to() -> None:
    accelerated = {"pops_reached_by": "global-accelerator"}
    assert problems(**accelerated) == [
        "artifact-edge:pops_reached_by: 'global-accelerator' cannot lead clients to own PoPs, because"
        " artifact-edge:pops is empty; use 'addresses', or add PoPs first"
    ]
    assert problems(**accelerated, pops=pop(traffic_dial=0)) == [
        "artifact-edge:pops[].traffic_dial: 0 at all PoPs leaves no PoP for the clients; to drain the own PoPs, set"
        " artifact-edge:pops_percent to 0"
    ]
    assert problems(**accelerated, pops=pop(region="ap-southeast-7")) == [
        "artifact-edge:pops[0].region: Global Accelerator has no endpoints in 'ap-southeast-7'; use another region, or"
        " artifact-edge:pops_reached_by 'addresses'"
    ]
    assert problems(environment="prod", **accelerated, pops=google_pop()) == [
        "artifact-edge:pops[0].cloud: Global Accelerator has no endpoints on 'gcp'; use 'aws', or"
        " artifact-edge:pops_reached_by 'addresses'"
    ]
    drained = json.dumps(pop() + pop(region="eu-west-1", traffic_dial=0))
    given = {"artifact-edge:pops": drained, "artifact-edge:pops_reached_by": "global-accelerator"}
    assert [each.traffic_dial for each in load("local", stack_config("local") | given).config.pops] == [100, 0]


def test_googles_load_balancer_needs_pops_on_google_cloud_and_drains_all_or_nothing() -> None:
    balanced = {"environment": "prod", "pops_reached_by": "google-load-balancer"}
    assert problems(**balanced) == [
        "artifact-edge:pops_reached_by: 'google-load-balancer' cannot lead clients to own PoPs, because"
        " artifact-edge:pops is empty; use 'addresses', or add PoPs first"
    ]
    assert problems(**balanced, pops=google_pop() + pop()) == [
        "artifact-edge:pops[1].cloud: Google's load balancer has no backends on 'aws'; use 'gcp', or"
        " artifact-edge:pops_reached_by 'addresses'"
    ]
    assert problems(**balanced, pops=google_pop() + google_pop(region="us-east4", traffic_dial=50)) == [
        "artifact-edge:pops[1].traffic_dial: Google's load balancer has no share of 50 percent; use 100, or 0 to drain"
        " the PoP"
    ]
    (line,) = problems(**balanced, pops=google_pop(traffic_dial=0))
    assert line.startswith("artifact-edge:pops[].traffic_dial: 0 at all PoPs leaves no PoP for the clients")


def test_a_traffic_dial_needs_an_accelerator() -> None:
    assert problems(pops=pop() + pop(region="eu-west-1", traffic_dial=50)) == [
        "artifact-edge:pops[1].traffic_dial: 50 has no effect on DNS; use 100, or artifact-edge:pops_reached_by"
        " 'global-accelerator'"
    ]
    assert problems(pops=pop(traffic_dial=101))[0].startswith("artifact-edge:pops[0].traffic_dial: ")
    assert problems(pops=pop(), pops_reached_by="anycast")[0].startswith("artifact-edge:pops_reached_by: ")


def test_a_routing_policy_needs_pops_and_a_bias_needs_geoproximity() -> None:
    assert problems(pops_routing="geolocation") == [
        "artifact-edge:pops_routing: 'geolocation' has no effect, because artifact-edge:pops is empty; use 'latency',"
        " or add PoPs first"
    ]
    for routing in ("latency", "geolocation"):
        assert problems(pops=pop(bias=-5), pops_routing=routing) == [
            "artifact-edge:pops[0].bias: -5 has no effect; use 0, or artifact-edge:pops_routing 'geoproximity'"
        ]
    for bias in (-100, 100):
        assert problems(pops=pop(bias=bias), pops_routing="geoproximity")[0].startswith("artifact-edge:pops[0].bias: ")
    given = {"artifact-edge:pops": json.dumps(pop(bias=-99)), "artifact-edge:pops_routing": "geoproximity"}
    assert load("local", stack_config("local") | given).config.pops[0].bias == -99


def test_too_many_pops_for_a_routing_policy_are_named() -> None:
    regions = sorted(name for name, region in REGIONS.items() if region.cloud == "aws")
    everywhere = [entry for region in regions for entry in pop(region=region)]
    assert problems(pops=everywhere, pops_routing="geoproximity") == [
        f"artifact-edge:pops: Route 53 allows 30 geoproximity records of a name, not {len(regions)}; name fewer"
        " regions, or use another artifact-edge:pops_routing than 'geoproximity'"
    ]
    left_out = problems(pops=everywhere, pops_routing="geolocation")
    number = regions.index("us-east-2")
    assert left_out[-1] == (
        f"artifact-edge:pops[{number}].region: 'geolocation' leads no country and no US state to 'us-east-2'; remove"
        " the entry, or use another artifact-edge:pops_routing than 'geolocation'"
    )
    assert len(left_out) == len(set(regions) - set(regions_by_area(regions).values()))


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_every_environments_config_is_accepted(environment: str) -> None:
    stack = load(environment, stack_config(environment))
    assert isinstance(stack, Stack)
    assert (stack.environment, stack.home_region) == (environment, "us-east-1")


def test_shields_of_other_regions_do_not_decide_where_a_shield_reads_its_secret() -> None:
    values = stack_config("prod")
    data = ["us-east-1", "eu-west-1", "ap-southeast-1"]
    before = load("prod", values)
    assert (set(before.secret_regions), before.common_secret_regions) == ({*data, "us-west-2"}, data)
    remaining = [shield for shield in before.config.shields if shield.region != "us-west-2"]
    after = replace(before, config=before.config.model_copy(update={"shields": remaining}))
    assert (set(after.secret_regions), after.common_secret_regions) == (set(data), data)


def test_permanent_environments_are_protected_and_the_others_can_be_destroyed() -> None:
    protected = {name: load(name, stack_config(name)).config.protect for name in ENVIRONMENTS}
    assert protected == {"local": False, "dev": False, "staging": True, "prod": True}


def test_no_stack_file_holds_a_secret_or_a_key_of_one() -> None:
    for environment in ENVIRONMENTS:
        document = yaml.safe_load((ROOT / "stacks" / f"Pulumi.{environment}.yaml").read_text())
        assert set(document) - {"encryptionsalt"} == {"config"}
        # Only `local` has an encryption salt in its stack file (docs/decisions/local-passphrase.md).
        assert "encryptionsalt" not in document or environment == "local"
        assert not any("secure" in str(value) for value in document["config"].values())


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        (
            {"shields": shield(region="us-esat-1")},
            "artifact-edge:shields[0].region: 'us-esat-1' is not an AWS region; did you mean 'us-east-1'?",
        ),
        (
            {"shields": shield(machine_type="m6i.large")},
            "artifact-edge:shields[0].machine_type: 'm6i.large' has no NVMe disks of its own; "
            "use a type such as i4i.large, i3en.large or c6id.large",
        ),
        (
            {"shields": shield(machine_type="i4i.lage")},
            "artifact-edge:shields[0].machine_type: 'i4i.lage' is not an EC2 instance type; did you mean 'i4i.large'?",
        ),
        (
            {"shields": shield(cloud="gcp", region="europe-west1", machine_type="e2-standard-8")},
            "artifact-edge:shields[0].machine_type: 'e2-standard-8' is not in the list of Google machine types with "
            "local SSDs; did you mean 'n2-standard-8'?",
        ),
        (
            {"shields": shield(cloud="gcp", region="europe-west1", machine_type="n2-standard-3")},
            "artifact-edge:shields[0].machine_type: 'n2-standard-3' is not in the list of Google machine types with "
            "local SSDs; did you mean 'n2-standard-32'?",
        ),
        (
            {"shields": shield(cloud="gcp", region="europe-west1", machine_type="m1-ultramem-40")},
            "artifact-edge:shields[0].machine_type: 'm1-ultramem-40' is not in the list of Google machine types with "
            "local SSDs; use a type such as n2-standard-8 or c3-standard-8-lssd",
        ),
        (
            {"shields": shield(nodes=0)},
            "artifact-edge:shields[0].nodes: 0 is not accepted; it should be greater than or equal to 1",
        ),
        (
            {"pops": pop(region="us-east1")},
            "artifact-edge:pops[0].region: 'us-east1' is not an AWS region; did you mean 'us-east-1'?",
        ),
        (
            {"pops": pop(machine_type="m6i.large")},
            "artifact-edge:pops[0].machine_type: 'm6i.large' has no NVMe disks of its own; "
            "use a type such as i4i.large, i3en.large or c6id.large",
        ),
        (
            {"pops": pop(nodes=11)},
            "artifact-edge:pops[0].nodes: 11 is not accepted; it should be less than or equal to 10",
        ),
        (
            {"pops": pop() + pop()},
            "artifact-edge:pops: 'us-east-1' is named twice; name each region once",
        ),
        (
            {"alerts": {"email": ["a@b.example", "c@b.example", "a@b.example"]}},
            "artifact-edge:alerts.email: 'a@b.example' is named twice; name each address once",
        ),
        (
            {"domain": f"{'a.' * 148}example"},
            "artifact-edge:domain: 'a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.'… has 303 characters; "
            "a domain name takes at most 55 here",
        ),
        (
            {"domain": f"{'a' * 48}.example"},
            f"artifact-edge:domain: '{'a' * 40}'… has 56 characters; a domain name takes at most 55 here",
        ),
        (
            {"domain": "пример.рф"},
            "artifact-edge:domain: 'пример.рф' is not a domain name; write it like packages.example.com, in small "
            "letters; write other scripts in ASCII, as in example.xn--p1ai",
        ),
        (
            {"domain": "example.xn--"},
            "artifact-edge:domain: 'example.xn--' is not a domain name; "
            "write it like packages.example.com, in small letters",
        ),
        (
            {"tags": {"owner": "platform", "cost_center": "R&D"}},
            "artifact-edge:tags.cost_center: 'R&D' is no value of a tag on AWS; "
            "use 1 to 256 letters, digits, spaces and + - = . _ : / @",
        ),
        (
            {"shields": shield() + shield()},
            "artifact-edge:shields: 'us-east-1' is named twice; name each region once",
        ),
        (
            {"sheilds": "x"},  # words-ok: misspelt on purpose
            "artifact-edge:sheilds: unknown key; did you mean 'shields'?",  # words-ok: misspelt on purpose
        ),
        (
            {"shields": shield(disk=1)},
            "artifact-edge:shields[0].disk: unknown key; accepted: cloud, region, machine_type, nodes",
        ),
        (
            {"waf": {"address_seconds": 60}},
            "artifact-edge:waf.address_seconds: 60 is no period of the plan 'free'; use 10, or the plan 'pro'",
        ),
        (
            {"waf": {"address_requests": 100}},
            "artifact-edge:waf.address_requests: 100 is not accepted; it should be greater than or equal to 1500",
        ),
        (
            {"waf": {"deny": {"addresses": ["192.0.2.1/24"]}}},
            "artifact-edge:waf.deny.addresses[0]: '192.0.2.1/24' is no network; write it like 192.0.2.0/24, with no "
            "bits set after the prefix",
        ),
        (
            {"waf": {"deny": {"addresses": ["0.0.0.0/0"]}}},
            "artifact-edge:waf.deny.addresses[0]: '0.0.0.0/0' is every address; name the networks that you mean",
        ),
        (
            {"waf": {"deny": {"addresses": [f"2001:db8:0:{number:x}::/64" for number in range(250)]}}},
            "artifact-edge:waf.deny: the rule has 4741 characters, and Cloudflare takes 4096; name fewer and larger "
            "networks",
        ),
        (
            {"waf": {"deny": {"addresses": ["192.0.2.0/24"]}, "allow": {"addresses": ["192.0.0.0/16"]}}},
            "artifact-edge:waf.deny.addresses: 192.0.2.0/24 is never refused, because waf.allow.addresses has "
            "192.0.0.0/16; remove one of them",
        ),
        (
            {"pops": pop(), "waf": {"deny": {"countries": ["SE"]}}},
            "artifact-edge:waf.deny.countries: PoPs of our own know only addresses; use deny.addresses, or no pops",
        ),
        (
            {"waf": {"deny": {"asns": [0]}}},
            "artifact-edge:waf.deny.asns[0]: 0 is no number of an autonomous system; it is 1 to 4294967295",
        ),
        (
            {"waf": {"deny": {"countries": ["Sweden"]}}},
            "artifact-edge:waf.deny.countries[0]: 'Sweden' is no country; write its two letters of ISO 3166-1, like SE",
        ),
        (
            {"waf": {"allow": {"countries": ["SE", "SE"]}}},
            "artifact-edge:waf.allow.countries: 'SE' is named twice; name each source once",
        ),
        (
            {"edge": "x"},
            "artifact-edge:edge: 'x' is not an object; "
            "set its parts with `pulumi config set --path 'artifact-edge:edge…' <value>`",
        ),
        (
            {"edge": edge(reserved_python_names=["acme-*", "acme-*"])},
            "artifact-edge:edge.reserved_python_names: 'acme-*' is named twice; name each pattern once",
        ),
        (
            {"edge": edge(reserved_python_names=["Acme_*"])},
            "artifact-edge:edge.reserved_python_names[0]: 'Acme_*' is no pattern of normalized project names "
            "(PEP 503); write it like acme-*",
        ),
        (
            {"edge": edge(prediction={"requests": 25})},
            "artifact-edge:edge.prediction.requests: 25 is not accepted; it should be less than or equal to 24",
        ),
        (
            {"edge": edge(memory={"megabytes": 65})},
            "artifact-edge:edge.memory.megabytes: 65 is not accepted; it should be less than or equal to 64",
        ),
        (
            {"edge": {"account_id": "abc", "zone": "artifact-edge-zone.test"}},
            "artifact-edge:edge.account_id: 'abc' is not a Cloudflare account id; it is 32 hexadecimal digits",
        ),
        (
            {"edge": {"account_id": "0" * 32, "zone": "Zone"}},
            "artifact-edge:edge.zone: 'Zone' is not a domain name; "
            "write it like packages.example.com, in small letters",
        ),
        *(
            (
                {"domain": domain, "edge": {"account_id": "0" * 32, "zone": zone}},
                f"artifact-edge:edge.zone: {zone!r} overlaps with artifact-edge:domain {domain!r}; name a zone of "
                "another registered domain, because Cloudflare serves the stack's hostname as a custom hostname of "
                "that zone",
            )
            for domain, zone in (
                ("example.test", "example.test"),
                ("dev.example.test", "example.test"),
                ("example.test", "edge.example.test"),
            )
        ),
        (
            {"domain": "Example"},
            "artifact-edge:domain: 'Example' is not a domain name; "
            "write it like packages.example.com, in small letters",
        ),
        (
            {"blobs": {"store": "s3", "regions": ["us-east-1"]}},
            "artifact-edge:blobs.regions: us-east-1 is a single region; name a second one, "
            "or set artifact-edge:allow_single_region to true",
        ),
        (
            {"blobs": {"store": "s4", "regions": ["us-east-1", "eu-west-1"]}},
            "artifact-edge:blobs.store: 's4' is not accepted; it should be 's3' or 'gcs'",
        ),
        (
            {"blobs": {"store": "gcs", "regions": ["us-east4", "europe-west1"]}},
            "artifact-edge:blobs.regions: us-east4, europe-west1 is no dual-region; "
            "Cloud Storage takes one region, or two on one continent",
        ),
        (
            {"metadata": {"store": "spanner", "regions": ["us-east4", "europe-west1"]}},
            "artifact-edge:metadata.regions: us-east4, europe-west1 is no multi-region of Spanner; use one region, "
            "or us-east4, us-east1 or us-central1, us-east1 or europe-west1, europe-west4",
        ),
        (
            {"metadata": {"store": "spanner", "regions": ["us-east4", "us-east1"]}},
            "gcp:project: missing; set it with `pulumi config set --path 'gcp:project' <value>`",
        ),
    ],
)
def test_a_mistake_is_one_line_with_key_value_and_fix(changes: dict[str, Any], line: str) -> None:
    assert problems(**changes) == [line]


def test_all_mistakes_are_reported_together_without_a_stack_trace() -> None:
    messages = problems(remove="artifact-edge:tags", domain="x", protect="perhaps")
    assert [line.split(":")[1].strip() for line in messages] == ["domain", "tags", "protect"]
    assert issubclass(ConfigError, pulumi.RunError)  # Pulumi prints a RunError without a stack trace


def test_an_origin_on_cloud_storage_needs_shields_that_can_read_it() -> None:
    blobs = {"store": "gcs", "regions": ["us-east4", "us-east1"]}
    assert problems(environment="prod", blobs=blobs, shields=shield()) == [
        "artifact-edge:shields[0].cloud: 'aws' machines cannot read from Cloud Storage; "
        "use 'gcp', or artifact-edge:blobs.store 's3'"
    ]


def test_the_default_region_is_required_because_secrets_are_there() -> None:
    assert problems(remove="aws:region") == [
        "aws:region: missing; set it with `pulumi config set --path 'aws:region' <value>`"
    ]


def test_a_value_that_is_a_secret_is_not_repeated() -> None:
    assert problems(secret="artifact-edge:protect", protect="hunter2") == [
        "artifact-edge:protect: [secret] is not accepted; it should be a valid boolean, unable to interpret input"
    ]


def test_a_stack_name_must_fit_into_names_of_buckets() -> None:
    with pytest.raises(ConfigError, match="stack name: 'My_Stack' does not fit into names of buckets"):
        load("My_Stack", stack_config("local"))


ON_SPANNER = {"store": "spanner", "regions": ["us-central1"]}


@pytest.mark.parametrize(
    ("environment", "changes", "line"),
    [
        (
            "staging",
            {"name": "Acme_Inc"},
            "artifact-edge:name: 'Acme_Inc' does not fit into names of buckets; use 2 to 20 of a-z, 0-9 and -, with "
            "letters or digits around each -",
        ),
        (
            "prod",
            {"name": "twenty-letters-xxxxx", "blobs": {"store": "s3", "regions": ["us-east-1", "ap-southeast-1"]}},
            "",
        ),
        (
            "eighteen-letters-x",
            {"name": "twenty-letters-xxxxx", "blobs": {"store": "s3", "regions": ["us-east-1", "ap-southeast-1"]}},
            "artifact-edge:name: 'twenty-letters-xxxxx' makes the bucket name 'artifact-edge-eighteen-letters-x-"
            "twenty-letters-xxxxx-logs-ap-southeast-1', which has 73 characters; 63 are allowed, so shorten the name "
            "or the stack's name 'eighteen-letters-x' by 10\n"
            "artifact-edge:name: 'twenty-letters-xxxxx' makes the role name 'artifact-edge-eighteen-letters-x-"
            "twenty-letters-xxxxx-replication', which has 65 characters; 64 are allowed, so shorten the name or the "
            "stack's name 'eighteen-letters-x' by 1\n"
            "stack name: 'eighteen-letters-x' makes the name of the service account 'artifact-edge-eighteen-letters-x-"
            "shield', which has 39 characters; 30 are allowed, so shorten the stack's name by 9",
        ),
        (
            "ten-chars-",
            {"shields": shield(), "metadata": ON_SPANNER, "allow_single_region": True},
            "stack name: 'ten-chars-' makes the name of the service account 'artifact-edge-ten-chars--shield', which "
            "has 31 characters; 30 are allowed, so shorten the stack's name by 1",
        ),
        (
            "prod",
            {"name": "g00gle-fans", "metadata": ON_SPANNER, "allow_single_region": True},
            "artifact-edge:name: 'g00gle-fans' is not accepted by Cloud Storage, because it resembles 'google'; use "
            "another name",
        ),
        ("prod", {"name": "google-fans"}, ""),
    ],
)
def test_a_name_that_a_cloud_refuses_is_reported(environment: str, changes: dict[str, Any], line: str) -> None:
    values = stack_config("prod") | {
        f"artifact-edge:{key}": value if isinstance(value, str) else json.dumps(value) for key, value in changes.items()
    }
    found = ""
    try:
        load(environment, values)
    except ConfigError as error:
        found = str(error)
    assert found == line


def test_the_name_is_required_and_part_of_every_buckets_name_unless_the_buckets_are_older() -> None:
    assert problems(remove="artifact-edge:name") == [
        "artifact-edge:name: missing; set it with `pulumi config set --path 'artifact-edge:name' <value>`"
    ]
    values = stack_config("prod") | {"artifact-edge:name": "acme"}
    assert load("prod", values).bucket_prefix == "artifact-edge-prod-acme"
    assert load("prod", values | {"artifact-edge:name_in_buckets": "false"}).bucket_prefix == "artifact-edge-prod"


def test_the_documentation_says_what_the_program_accepts() -> None:
    assert (ROOT / "docs" / "configuration.md").read_text() == page(), "run `python -m stacks.reference`"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"capacity": "cheap"}, "metadata.capacity"),
        ({"scaling": {"reads_from": 10, "reads_to": 5}}, "reads_to 5 is less than reads_from 10; swap them"),
        ({"scaling": {"target": 95}}, "metadata.scaling.target"),
        ({"processing_units": 150}, "150 is not a multiple of 100; use 100 or 200"),
        ({"processing_units": 1500}, "1500 is not a multiple of 1000; use 1000 or 2000"),
        ({"operators": ["allUsers"]}, "'allUsers' is not an IAM member of Google Cloud"),
        ({"operators": ["user:a@b.test"] * 2}, "'user:a@b.test' is named twice; name each member once"),
    ],
)
def test_an_invalid_metadata_database_is_reported(change: Any, says: str) -> None:
    metadata = {"store": "dynamodb", "regions": ["us-east-1", "eu-west-1"], **change}
    (problem,) = problems(metadata=metadata)
    assert says in problem


@pytest.mark.parametrize("project", ["", "Bad_Project", "short", "1st-project", "ends-with-"])
def test_a_malformed_google_project_is_refused(project: str) -> None:
    values = stack_config("prod") | {"gcp:project": project}
    with pytest.raises(ConfigError) as raised:
        load("prod", values)
    assert str(raised.value) == (
        f"gcp:project: {project!r} is not a project id; use 6 to 30 of a-z, 0-9 and -, with a letter first"
    )


@pytest.mark.parametrize("domain", ["example.xn--p1ai", "xn--e1afmkfd.xn--80akhbyknj4f", f"{'a' * 47}.example"])
def test_an_internationalized_domain_is_accepted_in_ascii(domain: str) -> None:
    values = stack_config("prod") | {"artifact-edge:domain": domain}
    assert load("prod", values).config.domain == domain


@pytest.mark.parametrize(
    "machine_type", ["n1-standard-1", "n2d-highcpu-224", "c4d-highmem-384-lssd", "z3-highmem-88-highlssd"]
)
def test_a_google_machine_type_with_local_disks_is_accepted(machine_type: str) -> None:
    shields = shield(cloud="gcp", region="europe-west1", machine_type=machine_type)
    values = stack_config("prod") | {"artifact-edge:shields": json.dumps(shields)}
    assert load("prod", values).config.shields[0].machine_type == machine_type
