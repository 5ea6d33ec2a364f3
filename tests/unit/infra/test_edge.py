"""Tests the component of the edge worker: the compiled worker, its settings and secrets, and the hostname that it
serves. Also tests the error messages if a prerequisite is missing, such as a field of a secret.
"""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pulumi
import pulumi_aws as aws
import pulumi_cloudflare as cloudflare
import pytest
from cloudflare import Cloudflare
from cryptography.x509.oid import ExtendedKeyUsageOID

from emulation import pki
from emulation.cloudflare import api, in_process
from emulation.cloudflare.zone_owner import active_zone
from emulation.providers import cloudflare as emulated_cloudflare
from emulation.providers.aws import functions, handlers
from emulation.providers.aws.clients import client
from infra import polling
from infra.edge import COMPATIBILITY_DATE, EdgeArgs, EdgeSecrets, MemoryArgs, PredictionArgs, activation
from infra.edge.bundle import BundleError, compile_worker
from infra.edge.cloudflare import Edge, EdgeZoneError
from infra.edge.networks import EdgeNetworksError, edge_networks
from infra.edge.secrets import EdgeSecretError, read_edge_secrets
from tests.support.harness import Deployment, deploy

ACCOUNT = "0" * 32
WORKER = Path(__file__).parents[3] / "workers" / "edge"


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """Returns a folder for the source files of a test worker. The folder has a link to the packages that compile the
    real edge worker.
    """
    directory = tmp_path / "workers" / "edge"
    (directory / "src").mkdir(parents=True)
    (directory / "node_modules").symlink_to(WORKER / "node_modules")
    return directory


def test_the_worker_compiles_to_one_reproducible_module() -> None:
    bundle = compile_worker(WORKER)
    assert bundle == compile_worker(WORKER)
    assert re.search(r"\bexport ?\{", bundle)
    imported = re.findall(r'\bimport ?\{[^}]*\} ?from ?"(.*?)";', bundle)
    assert set(imported) == {"cloudflare:workers", "node:crypto"}, "the runtime provides these modules"
    # The worker imports node:crypto without a compatibility flag. Cloudflare permits this if the compatibility date is
    # 2026-08-04 or later (Cloudflare changelog, "Node.js compatibility is now enabled by default").
    assert COMPATIBILITY_DATE >= "2026-08-04"
    # Limits the size of the bundle, because isolates with a large bundle start slowly. Cloudflare itself measures the
    # start time in each deployment.
    assert len(bundle.encode()) < 200_000


@pytest.mark.parametrize(
    ("source", "line"),
    [
        ("const a: number = 1;\nconst b = ;\n", 'workers/edge/src/index.ts:2:10: Unexpected ";"'),
        (
            'import { x } from "./absent";\nexport default x;\n',
            'workers/edge/src/index.ts:1:18: Could not resolve "./absent"',
        ),
    ],
)
def test_a_compile_error_is_one_line_with_file_and_line(sources: Path, source: str, line: str) -> None:
    (sources / "src" / "index.ts").write_text(source)
    with pytest.raises(BundleError) as raised:
        compile_worker(sources)
    assert str(raised.value) == line


def test_missing_node_modules_are_named_with_the_command_that_installs_them(tmp_path: Path) -> None:
    with pytest.raises(BundleError) as raised:
        compile_worker(tmp_path / "workers" / "edge")
    assert str(raised.value) == (
        "workers/edge: node modules are missing; run `make up` or `npm ci --prefix workers/edge`"
    )


@pytest.mark.usefixtures("aws_cloud")
def test_every_field_of_the_edge_secret_is_a_secret() -> None:
    names = [field.name for field in dataclasses.fields(EdgeSecrets)]
    client("secretsmanager").create_secret(
        Name="artifact-edge/test/edge", SecretString=json.dumps(dict.fromkeys(names, "x"))
    )

    def program() -> None:
        secrets = read_edge_secrets("artifact-edge/test/edge", "us-east-1")
        for name in names:
            pulumi.export(name, getattr(secrets, name))
        aws.route53.Zone("any", name="example.com")

    assert deploy(program, handlers(), functions()).secret_outputs == set(names)


def edge_on(
    account: Cloudflare,
    directory: Path,
    prediction: PredictionArgs | None = None,
    memory: MemoryArgs | None = None,
    log_installs: bool = False,
) -> Deployment:
    authority = pki.Authority(directory)
    pair = authority.issue(["edge"], ExtendedKeyUsageOID.CLIENT_AUTH)
    secrets = EdgeSecrets(
        client_certificate=pair.chain.decode(),
        client_key=pair.key.decode(),
        origin_key="o" * 43,
        token_signing_key="s" * 43,
    )

    def program() -> None:
        bundle = "export default { fetch() { return new Response() } };"
        args = EdgeArgs("test", ACCOUNT, "zone.test", "packages.example.test", bundle, [], secrets, "p" * 43)
        optional = dataclasses.replace(args, prediction=prediction, memory=memory, log_installs=log_installs)
        edge = Edge("edge", optional)
        pulumi.export("target", edge.target)
        pulumi.export("validation", {record.type: [record.name, record.value] for record in edge.validation_records})

    return deploy(
        program, emulated_cloudflare.handlers(lambda: account), emulated_cloudflare.functions(lambda: account)
    )


@pytest.fixture
def account(tmp_path: Path) -> Cloudflare:
    """Returns a client of an emulated Cloudflare account with one active zone."""
    api = in_process.client(tmp_path)
    active_zone(api, ACCOUNT, "zone.test")
    return api


def test_plain_text_keys_become_secrets_of_the_worker_and_certificate(account: Cloudflare, tmp_path: Path) -> None:
    deployment = edge_on(account, tmp_path)
    assert "bindings" in deployment.of(cloudflare.WorkersScript)["edge"].secrets
    assert "privateKey" in deployment.of(cloudflare.MtlsCertificate)["shield"].secrets


@pytest.mark.parametrize("prediction", [None, PredictionArgs(20, 16, 1 << 26, 1 << 23, 0.5)])
def test_the_worker_gets_the_limits_of_prefetches_where_prediction_is_on(
    account: Cloudflare, tmp_path: Path, prediction: PredictionArgs | None
) -> None:
    edge_on(account, tmp_path, prediction)
    (script,) = account.workers.scripts.list(account_id=ACCOUNT)
    settings: Any = account.workers.scripts.script_and_version_settings.get(str(script.id), account_id=ACCOUNT)
    limits = [json.loads(each.text) for each in settings.bindings if each.name == "PREDICTION"]
    expected = {"requests": 20, "in_flight": 16, "bytes": 67108864, "object_bytes": 8388608, "share": 0.5}
    assert limits == ([expected] if prediction else [])


@pytest.mark.parametrize("memory", [None, MemoryArgs(1 << 23, 1 << 14)])
def test_the_worker_gets_the_limits_of_its_memory_where_the_memory_tier_is_on(
    account: Cloudflare, tmp_path: Path, memory: MemoryArgs | None
) -> None:
    edge_on(account, tmp_path, memory=memory)
    (script,) = account.workers.scripts.list(account_id=ACCOUNT)
    settings: Any = account.workers.scripts.script_and_version_settings.get(str(script.id), account_id=ACCOUNT)
    limits = [json.loads(each.text) for each in settings.bindings if each.name == "MEMORY"]
    assert limits == ([{"bytes": 8388608, "object_bytes": 16384}] if memory else [])


@pytest.mark.parametrize("log_installs", [False, True])
def test_the_worker_tells_shields_about_installs_only_if_the_access_logs_contain_them(
    account: Cloudflare, tmp_path: Path, log_installs: bool
) -> None:
    edge_on(account, tmp_path, log_installs=log_installs)
    (script,) = account.workers.scripts.list(account_id=ACCOUNT)
    settings: Any = account.workers.scripts.script_and_version_settings.get(str(script.id), account_id=ACCOUNT)
    assert [each.text for each in settings.bindings if each.name == "LOG_INSTALLS"] == ["1"] * log_installs


def test_the_edge_verifies_shields_and_requires_a_current_tls_version(account: Cloudflare, tmp_path: Path) -> None:
    edge_on(account, tmp_path)
    (zone,) = account.zones.list()
    settings: Any = account.zones.settings
    values = {
        name: settings.get(name, zone_id=zone.id).value for name in ("ssl", "min_tls_version", "always_use_https")
    }
    assert values == {"ssl": "strict", "min_tls_version": "1.2", "always_use_https": "on"}


def test_the_hostname_is_served_through_the_zone_and_route_53_proves_who_controls_it(
    account: Cloudflare, tmp_path: Path
) -> None:
    outputs = edge_on(account, tmp_path).outputs
    (zone,) = account.zones.list()
    custom: Any = account.custom_hostnames
    (hostname,) = custom.list(zone_id=zone.id)
    assert outputs["target"] == custom.fallback_origin.get(zone_id=zone.id).origin == "test.zone.test"
    (record,) = account.dns.records.list(zone_id=zone.id)
    assert (record.name, record.type, record.content) == ("test.zone.test", "AAAA", "100::")
    delegation: Any = account.dcv_delegation.get(zone_id=zone.id)
    assert outputs["validation"] == {
        "TXT": ["_cf-custom-hostname.packages.example.test", hostname.ownership_verification.value],
        "CNAME": [
            "_acme-challenge.packages.example.test",
            f"packages.example.test.{delegation.uuid}.dcv.cloudflare.com",
        ],
    }
    assert (hostname.ssl.method, hostname.ssl.settings.min_tls_version) == ("txt", "1.2")


def test_the_program_runs_after_a_refresh_of_a_hostname_that_is_active(tmp_path: Path) -> None:
    """Cloudflare describes the TXT record that proves control only while a hostname is pending. After a refresh,
    Pulumi's state therefore lacks the record's value.
    """
    account = in_process.client(tmp_path, resolve=lambda name, type: ["test.zone.test"] if type == "CNAME" else [])
    active_zone(account, ACCOUNT, "zone.test")
    validation = edge_on(account, tmp_path).outputs["validation"]
    assert validation["TXT"] == ["_cf-custom-hostname.packages.example.test", ""]


def test_a_zone_that_is_not_active_stops_the_program_with_the_way_out(tmp_path: Path) -> None:
    account = in_process.client(tmp_path)
    account.zones.create(account={"id": ACCOUNT}, name="zone.test", type="full")
    with pytest.raises(EdgeZoneError) as raised:
        edge_on(account, tmp_path)
    assert str(raised.value) == (
        "artifact-edge:edge.zone: the Cloudflare zone zone.test is pending. Set its name servers at the registrar "
        "(ada.ns.cloudflare.com, rob.ns.cloudflare.com), wait until Cloudflare shows it as active, and try again"
    )


class Hostname:
    """A custom hostname on the emulated Cloudflare. The emulated public DNS has no validation record during the first
    `looks` look-ups. Later look-ups find the correct record.
    """

    def __init__(self, directory: Path, looks: int) -> None:
        self.left = looks
        self.api = in_process.client(directory, resolve=self.resolve)
        self.zone = active_zone(self.api, ACCOUNT, "zone.test")
        custom: Any = self.api.custom_hostnames
        self.created = custom.create(
            zone_id=self.zone, hostname="packages.example.test", ssl={"type": "dv", "method": "txt"}
        )

    def resolve(self, name: str, type: str) -> list[str]:
        if not name.startswith("_acme-challenge."):
            return [self.created.ownership_verification.value] if hasattr(self, "created") else []
        self.left -= 1
        delegation: Any = self.api.dcv_delegation
        return (
            []
            if self.left >= 0
            else [f"packages.example.test.{delegation.get(zone_id=self.zone).uuid}.dcv.cloudflare.com"]
        )

    def wait(self, seconds: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
        """Runs a Pulumi program that waits until the hostname is active. The program's sleeps do not take real time:
        they only advance an emulated clock, and `seconds` records their durations.
        """

        async def sleep(duration: float) -> None:
            seconds.append(duration)

        monkeypatch.setattr(polling, "asyncio", SimpleNamespace(sleep=sleep))
        monkeypatch.setattr(polling, "time", SimpleNamespace(monotonic=lambda: sum(seconds)))

        def program() -> None:
            waited = pulumi.Output.from_input(self.zone).apply(
                lambda zone: activation.wait_until_active(
                    zone, self.created.id, "packages.example.test", ["ns-1.test", "ns-2.test"]
                )
            )
            pulumi.export("waited", waited)
            cloudflare.WorkersKvNamespace("any", account_id=ACCOUNT, title="any")

        deploy(program, emulated_cloudflare.handlers(lambda: self.api), emulated_cloudflare.functions(lambda: self.api))


def test_clients_are_sent_to_the_edge_once_the_certificate_is_issued(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    hostname = Hostname(tmp_path, looks=4)
    hostname.wait(slept, monkeypatch)
    assert hostname.left == -1
    # The hostname is looked up in public DNS five times: once when it is created, and four times while the program
    # waits. The program sleeps three times, between the last four look-ups.
    assert len(slept) == 3


def test_a_certificate_that_is_never_issued_stops_the_program_after_half_an_hour(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    with pytest.raises(activation.EdgeActivationError) as raised:
        Hostname(tmp_path, looks=1_000_000).wait(slept, monkeypatch)
    assert sum(slept) == pytest.approx(1800, abs=10)
    assert str(raised.value) == (
        "Cloudflare does not serve packages.example.test yet: hostname active, certificate pending_validation. Check "
        "that the domain is delegated to ns-1.test, ns-2.test, then run `pulumi up` again; it goes on from here"
    )


def networks_on(account: Cloudflare) -> Any:
    def program() -> None:
        pulumi.export("networks", edge_networks())
        cloudflare.WorkersKvNamespace("any", account_id="0" * 32, title="any")

    return deploy(
        program, emulated_cloudflare.handlers(lambda: account), emulated_cloudflare.functions(lambda: account)
    ).outputs["networks"]


def test_shields_admit_the_networks_that_cloudflare_lists(tmp_path: Path) -> None:
    assert networks_on(in_process.client(tmp_path)) == api.IPV4


@pytest.mark.parametrize(
    ("listed", "difference"),
    [
        ([*api.IPV4, "203.0.113.0/24"], "adds 203.0.113.0/24"),
        (api.IPV4[1:], "lacks 173.245.48.0/20"),
        ([*api.IPV4[1:], "203.0.113.0/24"], "adds 203.0.113.0/24 and lacks 173.245.48.0/20"),
    ],
)
def test_unreviewed_networks_stop_the_program_by_name(
    listed: list[str], difference: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api, "IPV4", listed)
    with pytest.raises(EdgeNetworksError) as raised:
        networks_on(in_process.client(tmp_path))
    assert str(raised.value) == (
        f"Cloudflare's networks are not those of contract/cloudflare_networks.py: the API {difference}. "
        "Compare with www.cloudflare.com/ips-v4, and change IPV4 in that file"
    )


@pytest.mark.usefixtures("aws_cloud")
def test_an_edge_secret_without_a_field_names_the_field_and_the_fix() -> None:
    client("secretsmanager").create_secret(
        Name="artifact-edge/test/edge", SecretString=json.dumps({"client_certificate": "x"})
    )

    def program() -> None:
        pulumi.export("key", read_edge_secrets("artifact-edge/test/edge", "us-east-1").client_key)

    with pytest.raises(EdgeSecretError) as raised:
        deploy(program, [], functions())
    assert str(raised.value) == (
        "secret artifact-edge/test/edge has no field 'client_key'; write it with `python -m registry keys init`"
    )
