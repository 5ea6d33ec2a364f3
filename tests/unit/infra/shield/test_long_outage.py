"""Tests a shield machine (a regional cache) while Secrets Manager and STS of its home region are down for a whole day.
The machine must still be able to read the origin.

Role credentials expire after an hour. The test therefore sets the clock of the machine and of the emulated AWS.
"""

from __future__ import annotations

import json
import os
import types
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, cast

import boto3
import pytest
from botocore.exceptions import ClientError
from moto.core.utils import utcnow
from moto.server import (
    DomainDispatcherApplication,  # pyright: ignore[reportPrivateImportUsage]
    create_backend_app,  # pyright: ignore[reportPrivateImportUsage]
)

from emulation.aws import permissions
from emulation.aws.requests import S3Addresses
from emulation.providers.aws.clients import client
from infra.iam import allow, assumed_by_google_accounts, document
from tests.support.fetch_secrets import HOME, NEAR, ROLE, Machine
from tests.support.purge_endpoint import serving

pytestmark = pytest.mark.usefixtures("aws_cloud")

BUCKET = "origin"
# The AWS services that are down in the home region. The machine gets its certificate from `acm`, and the ARN of the
# certificate from `ssm`.
LOST = ("dynamodb", "secretsmanager", "sts", "acm", "ssm")
# The interval at which this test runs the program fetch-secrets. A real machine runs the program every minute. The
# longer interval makes the test shorter, and gives the machine fewer attempts.
EVERY = timedelta(minutes=50)


class Clock:
    """A fake clock for a shield and the emulated AWS. Only the test and the pauses of botocore advance the clock."""

    def __init__(self) -> None:
        self.now = utcnow()

    def time(self) -> float:
        """Replaces `time.time`. Returns the seconds since 1970 on the fake clock."""
        return (self.now - datetime(1970, 1, 1)).total_seconds()

    def skip(self, seconds: float) -> None:
        """Replaces `time.sleep`. Advances the clock, and returns at once."""
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def clock(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr("moto.sts.models.utcnow", lambda: made.now)
    monkeypatch.setattr(permissions, "utcnow", lambda: made.now)
    # botocore pauses before it sends a failed request again. In this test, a pause only advances the fake clock.
    monkeypatch.setattr("botocore.endpoint.time", types.SimpleNamespace(time=made.time, sleep=made.skip))
    machine.program.time = types.SimpleNamespace(time=made.time)
    os.utime(machine.run / "server_key.pem", (made.time(), made.time()))
    return made


@pytest.fixture
def origin() -> Iterator[str]:
    """Provides the URL of an emulated S3 with an object that only the role of the shield machine (a regional cache) may
    read.
    """
    s3, iam = client("s3"), client("iam")
    s3.create_bucket(Bucket=BUCKET)
    s3.put_object(Bucket=BUCKET, Key="k", Body=b"body")
    trust = document(assumed_by_google_accounts(["1"], "shields"))
    iam.create_role(RoleName=ROLE, AssumeRolePolicyDocument=trust)
    reads = document(allow("s3:GetObject", f"arn:aws:s3:::{BUCKET}/*"))
    iam.put_role_policy(RoleName=ROLE, PolicyName="origin", PolicyDocument=reads)
    application = permissions.Permissions(cast(Any, DomainDispatcherApplication)(create_backend_app))
    with serving(S3Addresses(application)) as url:
        yield url


def read(machine: Machine, url: str) -> bytes:
    """Reads the test's object with Traffic Server's current credentials."""
    lines = (line.partition("=") for line in machine.files()["s3_auth.config"].splitlines())
    found = {name: value for name, _, value in lines}
    session = boto3.Session(found["access_key"], found["secret_key"], found["session_token"])
    s3 = cast(Any, session).client("s3", region_name=HOME, endpoint_url=url)
    return s3.get_object(Bucket=BUCKET, Key="k")["Body"].read()


def hosts(*regions: str) -> set[str]:
    return {f"{service}.{region}.amazonaws.com" for service in LOST for region in regions}


@pytest.mark.parametrize("regions", [(HOME, NEAR), (NEAR, HOME)], ids=["in the home region", "elsewhere"])
def test_a_machine_reads_for_a_day_without_the_home_region(
    machine: Machine, clock: Clock, origin: str, regions: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_REGIONS", ",".join(regions))
    machine.program.main()
    first, lost = machine.files()["s3_auth.config"], clock.now
    machine.down = hosts(HOME)
    expiries = set[int]()
    while clock.now - lost <= timedelta(hours=25):
        clock.now += EVERY
        machine.program.main()
        files = machine.files()
        expiries.add(int(files["origin_credentials_expiry"]))
        # The program check-credentials compares the time at which the credentials expire with the clock.
        assert int(files["origin_credentials_expiry"]) > clock.time()
        assert (files["origin_key"], files["server_key.pem"]) == ("the key", "of today")
        assert read(machine, origin) == b"body"
    assert len(expiries) >= timedelta(hours=25) // EVERY
    (machine.run / "s3_auth.config").write_text(first)
    with pytest.raises(ClientError, match="ExpiredToken"):
        read(machine, origin)


def test_reads_end_with_the_credentials_if_no_region_renews_them(machine: Machine, clock: Clock, origin: str) -> None:
    machine.program.main()
    assert json.loads(machine.files()["origin_credentials_expiry"]) == int(clock.time()) + 3600
    machine.down = hosts(HOME, NEAR)
    clock.now += timedelta(minutes=59)
    machine.program.main()
    assert read(machine, origin) == b"body"
    clock.now += timedelta(minutes=1)
    machine.program.main()
    with pytest.raises(ClientError, match="ExpiredToken"):
        read(machine, origin)
    assert int(machine.files()["origin_credentials_expiry"]) <= clock.time()
