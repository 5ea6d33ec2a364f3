"""Tests that reads succeed while S3 is down: a shield (a regional cache) on Compute Engine reads the standby bucket on
Cloud Storage, which has a copy of all objects.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest

from emulation.engine.environment import shell_environment
from local.stack import PASSPHRASE
from tests.support.runbooks import runbook
from tests.support.sandbox.cloud_storage import CONFIG, PROJECT, OnCloudStorage, on_cloud_storage
from tests.support.sandbox.edge import US_EAST, access
from tests.support.sandbox.operator_shell import OperatorShell, gcloud_environment
from tests.support.sandbox.origin import control
from tests.support.waiting import eventually

LOOPBACK = "127.85"
STACK = "standby"
JOB = f"artifact-edge-{STACK}-standby"
REGIONS = ["us-east-1", "us-west-2"]
pytestmark = pytest.mark.nightly
BLOBS = {"store": "s3", "regions": REGIONS, "standby": ["us-east1", "us-central1"]}
FILE, PAGE = "npm/@acme/web/-/web-1.0.0.tgz", "npm/@acme/web/packument.json"


@pytest.fixture(scope="module")
def up() -> Iterator[OnCloudStorage]:
    config = CONFIG | {"artifact-edge:domain": "standby.artifact-edge.example", "artifact-edge:blobs": BLOBS}
    with on_cloud_storage(LOOPBACK, STACK, config) as stack:
        yield stack


def standby(up: OnCloudStorage) -> str:
    return f"artifact-edge-{STACK}-example-standby-us-east1"


def copy(up: OnCloudStorage) -> None:
    """Starts the transfer job that copies the objects of S3 to the standby bucket, and waits until it has ended. On
    Google Cloud, the job runs once an hour.
    """
    run = up.api("POST", f"/storagetransfer/v1/transferJobs/{JOB}:run", json={"projectId": PROJECT}).json()
    assert run["metadata"]["status"] == "SUCCESS", run


def content(up: OnCloudStorage, key: str) -> bytes:
    return up.aws("s3").get_object(Bucket=up.bucket, Key=key)["Body"].read()


def copied(up: OnCloudStorage, key: str) -> bytes:
    """Returns the content of an object in the standby bucket. Raises httpx.HTTPStatusError if the bucket has no such
    object.
    """
    return up.api("GET", f"/storage/v1/b/{standby(up)}/o/{quote(key, safe='')}?alt=media").content


def standby_requests(up: OnCloudStorage, key: str) -> int:
    seen = up.api("GET", "/_artifact-edge/requests").json()
    return seen.get(f"{standby(up)}/{key}", {}).get("GET", 0)


@pytest.mark.parametrize("how", ["503", "reset"])
def test_reads_succeed_while_all_of_s3_is_down(up: OnCloudStorage, how: str) -> None:
    """While S3 is down, clients read a mutable document and an immutable file that no cache has. The shield reads both
    from the standby bucket.
    """
    file, page = (key.replace("web", f"web-{how}") for key in (FILE, PAGE))
    for key, source in ((file, FILE), (page, PAGE)):
        up.aws("s3").copy_object(Bucket=up.bucket, Key=key, CopySource={"Bucket": up.bucket, "Key": source})
    body, document = (content(up, key) for key in (file, page))
    copy(up)
    control(up, "outages", {"s3": dict.fromkeys(REGIONS, how)})
    try:
        with httpx.Client(**access(up, US_EAST)) as client:
            assert eventually(lambda: client.get(f"/{file}").content == body)
            answer = client.get(f"/npm/@acme/web-{how}")
            assert (answer.status_code, answer.content) == (200, document)
            assert int(answer.headers["x-artifact-edge-revision"]) > 0
    finally:
        control(up, "outages", {})
    assert (standby_requests(up, file), standby_requests(up, page)) == (1, 1)


def test_an_object_that_s3_lacks_is_not_requested_from_the_standby(up: OnCloudStorage) -> None:
    """Removes an object from S3 after it was copied to the standby bucket. S3 then answers that the object does not
    exist. The shield must accept this answer, and must not read the copy in the standby bucket.
    """
    s3, withdrawn = up.aws("s3"), FILE.replace("1.0.0", "1.0.1")
    s3.put_object(Bucket=up.bucket, Key=withdrawn, Body=b"bad", CacheControl="public, max-age=31536000, immutable")
    copy(up)
    s3.delete_object(Bucket=up.bucket, Key=withdrawn)
    assert eventually(lambda: control(up, "replication")["pending"] == 0)
    with httpx.Client(**access(up, US_EAST)) as client:

        def standby_requests_after_read(key: str) -> int:
            client.get(f"/{key}")
            return standby_requests(up, key)

        # After a failure of S3, the shield reads only the standby bucket for two seconds. The test waits until the
        # shield sends requests to S3 again.
        probes = (FILE.replace("1.0.0", f"0.0.{number}") for number in count())
        assert eventually(lambda: standby_requests_after_read(next(probes)) == 0)
        assert client.get(f"/{withdrawn}").status_code == 404
    assert standby_requests(up, withdrawn) == 0


@pytest.fixture
def shell(up: OnCloudStorage, tmp_path: Path) -> OperatorShell:
    """Provides the shell of an operator whose `gcloud` reaches the emulated Google Cloud."""
    engine = shell_environment(up.project.engine, up.sandbox, passphrase=PASSPHRASE)
    google = gcloud_environment(up.sandbox.gcp_url, tmp_path, PROJECT)
    return OperatorShell(up.project.project, {**engine, **google}, tmp_path / "commands")


@pytest.mark.skipif(not shutil.which("gcloud"), reason="the Google Cloud CLI is not installed")
def test_an_object_that_could_not_be_copied_is_named_and_the_next_run_copies_it(
    up: OnCloudStorage, shell: OperatorShell
) -> None:
    not_copied = runbook("docs/operations.md", "The standby is not copied")
    errors, run = not_copied.blocks({"artifact-edge-prod-standby": JOB})
    copy(up)
    key, iam = FILE.replace("1.0.0", "1.0.2"), up.aws("iam")
    up.aws("s3").put_object(Bucket=up.bucket, Key=key, Body=b"new")
    role = not_copied.command("artifact-edge-<environment>-standby", {"<environment>": STACK})
    policy = iam.get_role_policy(RoleName=role, PolicyName="read-objects")["PolicyDocument"]
    lists = {**policy, "Statement": [each for each in policy["Statement"] if each["Action"] != "s3:GetObject"]}
    assert len(lists["Statement"]) == len(policy["Statement"]) - 1
    iam.put_role_policy(RoleName=role, PolicyName="read-objects", PolicyDocument=json.dumps(lists))
    shell.run(run)
    (denied,) = json.loads(shell.run(errors))[0]["metadata"]["errorBreakdowns"]
    assert denied["errorCode"] == "PERMISSION_DENIED"
    assert [each["url"] for each in denied["errorLogEntries"]] == [f"s3://{up.bucket}/{key}"]

    refresh = not_copied.command("pulumi up --refresh")
    shell.run(f"{refresh} --stack {STACK}")
    shell.run(run)
    assert "errorBreakdowns" not in json.loads(shell.run(errors))[0]["metadata"]
    assert copied(up, key) == b"new"
