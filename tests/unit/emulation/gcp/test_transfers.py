"""Tests transfer jobs, which copy objects from S3 to the emulated Cloud Storage."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import boto3
import httpx
import pytest
from moto.sts.responses import TokenResponse

from emulation.aws.web_identity import patch_web_identity
from emulation.gcp import in_process
from emulation.gcp.tokens import Tokens
from emulation.gcp.transfers import transfer_agent
from emulation.state_store import StateStore

PROJECT = "unit"
JOBS = "/storagetransfer/v1/transferJobs"
ROLES = ("roles/storage.objectUser", "roles/storage.legacyBucketReader")
NAME = "npm/@acme/web/-/web-1.0.0.tgz"


def grants(*roles: str) -> Mapping[str, Any]:
    member = f"serviceAccount:{transfer_agent(PROJECT).email}"
    return {"iam": {"bindings": [{"role": role, "members": [member]} for role in roles]}}


def trust(subject: str) -> str:
    statement = {
        "Effect": "Allow",
        "Principal": {"Federated": "accounts.google.com"},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {"StringEquals": {"accounts.google.com:sub": subject}},
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


@pytest.fixture
def google(aws_cloud: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> httpx.Client:
    """Creates an S3 bucket `source` with one object. Also creates an emulated Google Cloud with a transfer job that
    copies the object. Returns a client of this Google Cloud.
    """
    moto = cast(Any, TokenResponse)
    monkeypatch.setattr(moto, "assume_role_with_web_identity", moto.assume_role_with_web_identity)
    client = in_process.client(tmp_path)
    patch_web_identity(Tokens(StateStore(tmp_path / "gcp.sqlite")).public_keys)
    s3, iam = (aws(service) for service in ("s3", "iam"))
    s3.create_bucket(Bucket="source")
    s3.put_object(Bucket="source", Key=NAME, Body=b"1", CacheControl="max-age=5", Metadata={"digest": "abc"})
    subject = transfer_agent(PROJECT).unique_id
    role = iam.create_role(RoleName="transfer", AssumeRolePolicyDocument=trust(subject))["Role"]["Arn"]
    client.post("/storage/v1/b", json={"name": "sink", "location": "US-EAST1"}).raise_for_status()
    client.patch("/storage/v1/b/sink", json=grants(*ROLES)).raise_for_status()
    job = {
        "name": "transferJobs/standby",
        "projectId": PROJECT,
        "transferSpec": {
            "awsS3DataSource": {"bucketName": "source", "roleArn": role},
            "gcsDataSink": {"bucketName": "sink"},
            "transferOptions": {"deleteObjectsUniqueInSink": True, "overwriteWhen": "DIFFERENT"},
        },
        "schedule": {},
        "status": "ENABLED",
    }
    client.post(JOBS, json=job).raise_for_status()
    return client


def aws(service: str) -> Any:
    return cast(Any, boto3).client(service, region_name="us-east-1")


def run(google: httpx.Client) -> Any:
    return google.post(f"{JOBS}/standby:run", json={"projectId": PROJECT}).raise_for_status().json()["metadata"]


def objects(google: httpx.Client) -> dict[str, Any]:
    return {each["name"]: each for each in google.get("/storage/v1/b/sink/o").json().get("items", [])}


def test_a_run_copies_what_differs_and_deletes_what_the_source_lacks(google: httpx.Client) -> None:
    first = run(google)
    assert (first["status"], first["counters"]) == ("SUCCESS", {"objectsCopiedToSink": "1"})
    assert (objects(google)[NAME]["cacheControl"], objects(google)[NAME]["metadata"]) == (
        "max-age=5",
        {"digest": "abc"},
    )
    assert run(google)["counters"] == {"objectsFromSourceSkippedBySync": "1"}
    aws("s3").delete_object(Bucket="source", Key=NAME)
    aws("s3").put_object(Bucket="source", Key="other", Body=b"2")
    assert run(google)["counters"] == {"objectsCopiedToSink": "1", "objectsDeletedFromSink": "1"}
    assert objects(google).keys() == {"other"}


@pytest.mark.parametrize("missing", ROLES)
def test_a_run_without_a_role_on_the_destination_copies_nothing(google: httpx.Client, missing: str) -> None:
    google.patch("/storage/v1/b/sink", json=grants(*(role for role in ROLES if role != missing)))
    denied = run(google)
    (error,) = denied["errorBreakdowns"]
    assert (denied["status"], error["errorCode"], error["errorCount"]) == ("FAILED", "PERMISSION_DENIED", "1")
    assert [each["url"] for each in error["errorLogEntries"]] == ["s3://source/"]
    assert objects(google) == {}


def test_a_run_whose_agent_the_role_does_not_trust_copies_nothing(google: httpx.Client) -> None:
    aws("iam").update_assume_role_policy(RoleName="transfer", PolicyDocument=trust("another"))
    (error,) = run(google)["errorBreakdowns"]
    assert error["errorCode"] == "PERMISSION_DENIED"
    assert objects(google) == {}


def test_runs_are_listed_by_project_and_job_with_the_newest_first(google: httpx.Client) -> None:
    runs = [run(google)["name"] for _ in range(2)]

    def listed(**wanted: Any) -> list[str]:
        answer = google.get("/storagetransfer/v1/transferOperations", params={"filter": json.dumps(wanted)})
        return [each["name"] for each in answer.raise_for_status().json().get("operations", [])]

    assert listed(projectId=PROJECT, jobNames=["transferJobs/standby"], transferStatuses=None) == runs[::-1]
    assert listed(projectId=PROJECT, jobNames=["transferJobs/other"]) == []
    assert listed(projectId="other") == []


def test_other_jobs_and_filters_are_refused(google: httpx.Client) -> None:
    assert google.post(f"{JOBS}/absent:run", json={"projectId": PROJECT}).status_code == 404
    filtered = json.dumps({"projectId": PROJECT, "transferStatuses": ["FAILED"]})
    assert google.get("/storagetransfer/v1/transferOperations", params={"filter": filtered}).status_code == 501
