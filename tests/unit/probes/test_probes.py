"""Runs probes on the emulated clouds. A probe checks whether a cloud behaves as its documentation says. Each probe must
delete the resources that it creates.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
import requests
from flask import Flask
from moto.core.utils import utcnow
from moto.s3.models import S3Backend
from moto.s3.responses import S3Response
from moto.server import (
    DomainDispatcherApplication,  # pyright: ignore[reportPrivateImportUsage]
    create_backend_app,  # pyright: ignore[reportPrivateImportUsage]
)

from emulation.aws.certificates import patch_certificates
from emulation.aws.conditional_copies import copy_object
from emulation.aws.conditional_reads import key_response
from emulation.aws.outages import Outages
from emulation.aws.permissions import Permissions
from emulation.aws.replication import Replication
from emulation.aws.requests import S3Addresses
from emulation.cloudflare import in_process
from emulation.cloudflare.zone_owner import active_zone
from emulation.gcp import in_process as google
from emulation.pki import Authority
from emulation.providers.aws.clients import client
from emulation.state_store import StateStore
from probes import s3
from probes.__main__ import ON_AWS, ON_CLOUDFLARE, ON_GITHUB, ON_GOOGLE
from probes.aws import REGION, AwsAccount
from probes.fact import Fact, ProbeError
from probes.github import GithubJob
from probes.google_project import GoogleProject
from probes.recording import DIRECTORY, Recording, differences, read
from probes.zone import Zone
from tests.support.purge_endpoint import serving

RUN = "0a1b2c3d"
ACCOUNT = "0123456789abcdef0123456789abcdef"


class Clock:
    """The clock of the emulated AWS. The clock advances when a probe (a check of a cloud's behaviour) sleeps."""

    def __init__(self) -> None:
        self._slept = timedelta()

    def utcnow(self) -> datetime:
        return utcnow() + self._slept

    def sleep(self, seconds: float) -> None:
        self._slept += timedelta(seconds=seconds)


@pytest.fixture
def aws(aws_cloud: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Serves the emulated AWS. It checks the permissions of roles and replicates S3 objects, as in the sandbox."""
    monkeypatch.setattr(S3Response, "copy_object", copy_object)
    monkeypatch.setattr(S3Response, "key_response", key_response)
    patch_certificates(lambda: Authority(tmp_path))
    # The probe `s3-replication-keys` waits until an object has the expected replication status, and otherwise reports
    # that S3 does not behave as documented. It waits up to 15 minutes on the real S3. The emulated S3 is faster, so 10
    # seconds are enough.
    monkeypatch.setattr("probes.s3_replication._TIMEOUT_SECONDS", 10.0)
    # The real EC2 can need minutes to change an instance's public address. The emulated EC2 needs less than 5 seconds.
    monkeypatch.setattr("probes.elastic_addresses._TIMEOUT_SECONDS", 5.0)
    # The probe `s3-expired-sessions` waits until a session has expired. In this test, the wait only advances the clock
    # of the emulated AWS.
    now = Clock()
    monkeypatch.setattr("emulation.aws.permissions.utcnow", now.utcnow)
    monkeypatch.setattr("probes.bucket_access.time", now)
    # The probe `route53-answers` pauses between its queries, because Route 53 limits the rate of requests. In this
    # test, a pause only advances the clock.
    monkeypatch.setattr("probes.route53_answers.time", now)
    outages = Outages(Permissions(cast(Any, DomainDispatcherApplication)(create_backend_app)))
    with serving(S3Addresses(Replication(outages, outages.is_down))) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        yield


def check(probe: str) -> tuple[list[Fact], Recording]:
    recording = Recording(RUN)
    with ExitStack() as cleanup:
        return list(ON_AWS[probe].check(AwsAccount(RUN, "example.com", cleanup, recording))), recording


def leftovers() -> list[str]:
    """Returns the names or ids of all resources that a probe (a check of a cloud's behaviour) has left in the emulated
    AWS account. Ignores the default VPC, terminated instances, and KMS keys whose deletion is scheduled.
    """
    ec2 = client("ec2", {"region": REGION})
    reservations = ec2.describe_instances()["Reservations"]
    instances = [instance for each in reservations for instance in each["Instances"]]
    buckets, iam, acm, dynamodb, sns, kms = (client(name) for name in ("s3", "iam", "acm", "dynamodb", "sns", "kms"))
    keys = [kms.describe_key(KeyId=each["KeyId"])["KeyMetadata"] for each in kms.list_keys()["Keys"]]
    return [
        *(each["Name"] for each in buckets.list_buckets()["Buckets"]),
        *dynamodb.list_tables()["TableNames"],
        *(each["TopicArn"] for each in sns.list_topics()["Topics"]),
        *(each["KeyId"] for each in keys if each["KeyState"] != "PendingDeletion"),
        *(each["InstanceId"] for each in instances if each["State"]["Name"] != "terminated"),
        *(each["AllocationId"] for each in ec2.describe_addresses()["Addresses"]),
        *(each["InternetGatewayId"] for each in ec2.describe_internet_gateways()["InternetGateways"]),
        *(each["VpcId"] for each in ec2.describe_vpcs()["Vpcs"] if not each["IsDefault"]),
        *(each["RoleName"] for each in iam.list_roles()["Roles"]),
        *(each["PolicyName"] for each in iam.list_policies(Scope="Local")["Policies"]),
        *(each["Name"] for each in client("secretsmanager").list_secrets()["SecretList"]),
        *(each["Name"] for each in client("route53").list_hosted_zones()["HostedZones"]),
        *(each["CertificateArn"] for each in acm.list_certificates()["CertificateSummaryList"]),
    ]


@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize("probe", ON_AWS)
def test_the_emulated_aws_has_the_facts_and_nothing_is_left(probe: str) -> None:
    facts, recording = check(probe)
    assert facts
    assert [f"{fact.text}: {fact.observed}" for fact in facts if not fact.holds] == []
    assert leftovers() == []
    recorded = DIRECTORY / f"{probe}.json"
    # The file `recorded` contains the responses of the real AWS to the requests of `probe`. The emulated AWS must give
    # the same responses.
    if recorded.exists():
        assert differences(read(recorded), recording.answers) == []


@pytest.mark.usefixtures("aws")
def test_a_probe_fails_on_a_cloud_that_behaves_differently(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(S3Backend, "put_bucket_replication", lambda *given, **more: None)  # pyright: ignore[reportUnknownArgumentType, reportUnknownLambdaType]
    facts, _ = check("s3-replication-rules")
    # The probe checks that S3 refuses three kinds of replication rules. The test disables the emulation's checks. As a
    # result, the emulated S3 accepts two of the three kinds. It still refuses the third, because moto itself refuses a
    # rule for a source bucket without versioning.
    assert [fact.observed for fact in facts if not fact.holds] == ["accepted", "accepted"]
    assert leftovers() == []


@pytest.mark.usefixtures("aws")
def test_a_probe_that_fails_in_the_middle_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*given: Any, **more: Any) -> None:
        raise ValueError("the connection broke")

    monkeypatch.setattr(s3, "refusal", fail)
    with pytest.raises(ValueError, match="the connection broke"):
        check("s3-conditional-copies")
    assert leftovers() == []


@pytest.fixture
def zone(tmp_path: Path) -> Iterator[Zone]:
    api = in_process.client(tmp_path)
    active_zone(api, ACCOUNT, "example.com")
    with ExitStack() as cleanup:
        yield Zone(RUN, "example.com", api, httpx.Client(), cleanup, Recording(RUN))


def test_the_emulated_workers_kv_has_the_facts(zone: Zone) -> None:
    facts = list(ON_CLOUDFLARE["workers-kv-limits"].check(zone))
    assert [fact.holds for fact in facts] == [True, True]


@pytest.mark.parametrize(("probe", "facts"), [("workers-version-uploads", 4), ("workers-old-versions", 2)])
def test_the_emulated_versions_of_workers_have_the_facts_and_nothing_is_left(
    tmp_path: Path, probe: str, facts: int
) -> None:
    api: Any = in_process.client(tmp_path)
    active_zone(api, ACCOUNT, "example.com")
    with ExitStack() as cleanup:
        found = list(ON_CLOUDFLARE[probe].check(Zone(RUN, "example.com", api, httpx.Client(), cleanup, Recording(RUN))))
    assert [f"{fact.text}: {fact.observed}" for fact in found if not fact.holds] == []
    assert len(found) == facts
    assert list(api.workers.scripts.list(account_id=ACCOUNT)) == []


def test_the_emulated_custom_hostnames_have_the_facts_and_nothing_is_left(tmp_path: Path) -> None:
    api: Any = in_process.client(tmp_path)
    id = active_zone(api, ACCOUNT, "example.com")
    with ExitStack() as cleanup:
        zone = Zone(RUN, "example.com", api, httpx.Client(), cleanup, Recording(RUN), domain="example.org")
        facts = list(ON_CLOUDFLARE["custom-hostnames"].check(zone))
    assert [f"{fact.text}: {fact.observed}" for fact in facts if not fact.holds] == []
    assert len(facts) == 9
    assert [each.name for each in api.zones.list()] == ["example.com"]
    assert list(api.custom_hostnames.list(zone_id=id)) == []
    assert list(api.workers.routes.list(zone_id=id)) == []


def test_a_zone_that_the_token_does_not_see_is_named(tmp_path: Path) -> None:
    with pytest.raises(ProbeError, match=r"^other\.example: .*CLOUDFLARE_API_TOKEN"):
        Zone(RUN, "other.example", in_process.client(tmp_path), httpx.Client(), ExitStack(), Recording(RUN))


def check_on_google(probe: str, session: requests.Session) -> list[Fact]:
    with ExitStack() as cleanup:
        return list(ON_GOOGLE[probe].check(GoogleProject(RUN, "any", session, cleanup, Recording(RUN))))


@pytest.mark.parametrize("probe", ON_GOOGLE)
def test_the_emulated_google_cloud_has_the_facts_and_nothing_is_left(probe: str, tmp_path: Path) -> None:
    session = google.session(google.application(tmp_path))
    facts = check_on_google(probe, session)
    assert facts
    assert [f"{fact.text}: {fact.observed}" for fact in facts if not fact.holds] == []
    # Google Cloud keeps a deleted workload identity pool for 30 days, so a deleted pool does not count as left behind.
    left = [each for each in StateStore(tmp_path / "gcp.sqlite").all("gcp") if each.get("state") != "DELETED"]
    assert left == []


def test_a_probe_of_compute_engine_sees_the_error_of_an_operation() -> None:
    """Google's API can accept a request and then report a failure of the operation. The emulated Google Cloud refuses
    such a request at once. This test therefore uses its own stub of the API.
    """
    running = {"operationType": "insert", "status": "RUNNING", "selfLink": "https://compute.googleapis.com/any"}
    message = "[pd-standard], [pd-balanced] and [pd-ssd] are not compatible"
    states = iter([running, {**running, "status": "DONE", "error": {"errors": [{"message": message}]}}] * 8)
    cloud = Flask(__name__)
    instances = "/compute/v1/projects/any/zones/us-central1-a/instances"
    cloud.add_url_rule(instances, "insert", lambda: running, methods=["POST"])
    cloud.add_url_rule("/any/wait", "wait", lambda: next(states), methods=["POST"])
    missing = {"error": {"message": "not found"}}
    cloud.add_url_rule(f"{instances}/<name>", "delete", lambda name: (missing, 404), methods=["DELETE"])  # pyright: ignore[reportUnknownArgumentType, reportUnknownLambdaType]
    facts = check_on_google("gce-boot-disks", google.session(cloud))
    assert [(fact.holds, fact.observed) for fact in facts] == [(True, message)] * 8


@pytest.mark.parametrize(
    ("subject", "holds"),
    [("repo:acme@1234/network@5678:environment:prod", True), ("repo:acme/network:environment:prod", False)],
)
def test_a_subject_with_ids_is_told_from_one_without(subject: str, holds: bool) -> None:
    claims = {"sub": subject, "repository_id": "5678", "repository_owner_id": 1234}
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")

    def answer(request: httpx.Request) -> httpx.Response:
        assert request.headers["authorization"] == "Bearer any"
        return httpx.Response(200, json={"value": f"header.{payload}.signature"})

    variables = {"ACTIONS_ID_TOKEN_REQUEST_URL": "https://github.test/", "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "any"}
    job = GithubJob(variables, httpx.Client(transport=httpx.MockTransport(answer)), Recording(RUN))
    assert [fact.holds for fact in ON_GITHUB["github-subjects"].check(job)] == [holds, True, False]
    with pytest.raises(ProbeError, match="id-token: write"):
        GithubJob({}, httpx.Client(), Recording(RUN)).claims()
