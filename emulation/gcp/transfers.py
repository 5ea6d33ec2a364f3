"""Runs the jobs of the emulated Storage Transfer Service: copies objects from S3 to Cloud Storage.

As on Google Cloud, the service acts with its own service account, the agent. To read from S3, the agent uses a Google
identity token to assume the job's AWS role. To write, the agent needs roles on the destination bucket. A request
(`transferJobs.run`) starts a run, and gets its response after the run has ended. Sources: Storage Transfer Service,
"REST Resource: transferJobs", "REST Resource: transferOperations" and "Metadata preservation".
"""

from __future__ import annotations

import base64
import json
import secrets
from collections import Counter
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, cast

import boto3
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from flask import Flask, Response, jsonify, request

from emulation.gcp.catalog import Json, Refused, project_number
from emulation.gcp.objects.access import Access
from emulation.gcp.objects.conditions import Conditions
from emulation.gcp.objects.versions import Versions
from emulation.gcp.tokens import Account, Tokens
from emulation.state_store import StateStore

_JOBS = "storagetransfer/v1/transferJobs"
_OPERATIONS = "transfer-operation"
_OPTIONS = {"deleteObjectsUniqueInSink": True, "overwriteWhen": "DIFFERENT"}
# The permissions that Google's service account for transfers needs on the destination bucket (Storage Transfer Service,
# "Agentless transfer permissions").
_NEEDED = ("storage.buckets.get", "storage.objects.create", "storage.objects.delete", "storage.objects.list")
# The maximum number of errors with the same code that a transfer operation lists as examples
# (`ErrorSummary.errorLogEntries`).
_MOST_EXAMPLES = 5
# Maps the HTTP status of an error to its gRPC code (google.rpc.Code).
_CODES = {400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND"}


def transfer_agent(project: str) -> Account:
    """Returns the service account with which Storage Transfer Service acts in a project."""
    email = f"project-{project_number(project)}@storage-transfer-service.iam.gserviceaccount.com"
    return Account(email, f"1{project_number(email)}00000000")


class Transfers:
    """Starts transfer jobs, and lists their runs, which the API calls transfer operations."""

    def __init__(self, store: StateStore, versions: Versions, access: Access, aws_url: str | None) -> None:
        self._store = store
        self._versions = versions
        self._access = access
        self._tokens = Tokens(store)
        self._aws_url = aws_url

    def add_to(self, app: Flask) -> None:
        app.add_url_rule(f"/{_JOBS}/<id>:run", "run transfer job", self._run, methods=["POST"])
        app.add_url_rule("/storagetransfer/v1/transferOperations", "list transfer operations", self._list)

    def _run(self, id: str) -> Response:
        job = self._store.get("gcp", _JOBS, id)
        if job is None:
            raise Refused(404, f"The transfer job transferJobs/{id} was not found")
        if job["transferSpec"].get("transferOptions") != _OPTIONS:
            raise Refused(501, f"not emulated: transferOptions other than {_OPTIONS}")
        started, errors, counters = _now(), _Errors(), Counter[str]()
        self._transfer(job, errors, counters)
        operation: Json = {
            "name": f"transferOperations/transferJobs-{id}-{secrets.randbelow(10**18):018}",
            "projectId": job["projectId"],
            "transferSpec": job["transferSpec"],
            "transferJobName": f"transferJobs/{id}",
            "startTime": started,
            "endTime": _now(),
            "status": "FAILED" if errors.breakdowns else "SUCCESS",
            "counters": {name: str(count) for name, count in counters.items()},
            **({"errorBreakdowns": list(errors.breakdowns.values())} if errors.breakdowns else {}),
        }
        self._store.put(_OPERATIONS, "", operation["name"], operation)
        return jsonify(_operation(operation))

    def _list(self) -> Response:
        wanted: Json = {name: value for name, value in json.loads(request.args["filter"]).items() if value}
        unknown = wanted.keys() - {"projectId", "jobNames"}
        if unknown:
            raise Refused(501, f"not emulated: {', '.join(sorted(unknown))} in the filter of transferOperations")
        found = [
            _operation(each)
            for each in sorted(self._store.all(_OPERATIONS), key=lambda each: each["startTime"], reverse=True)
            if each["projectId"] == wanted.get("projectId")
            and each["transferJobName"] in wanted.get("jobNames", [each["transferJobName"]])
        ]
        return jsonify({"operations": found} if found else {})

    def _transfer(self, job: Json, errors: _Errors, counters: Counter[str]) -> None:
        source, sink = (job["transferSpec"][each] for each in ("awsS3DataSource", "gcsDataSink"))
        agent, url = transfer_agent(job["projectId"]), f"s3://{source['bucketName']}/"
        bucket = self._store.get("gcp", "storage/v1/b", sink["bucketName"]) or {"name": sink["bucketName"]}
        listed: dict[str, str] = {}
        with errors.of(url):
            self._access.expect(f"serviceAccount:{agent.email}", bucket, *_NEEDED)
            s3 = self._client("s3", self._assumed(source["roleArn"], agent))
            listed = _etags(s3, source["bucketName"])
        if errors.breakdowns:
            return
        for key, etag in listed.items():
            there = self._versions.live(bucket["name"], key)
            if there is not None and _etag_of(there) == etag:
                counters["objectsFromSourceSkippedBySync"] += 1
                continue
            with errors.of(f"{url}{key}"):
                self._copy(s3.get_object(Bucket=source["bucketName"], Key=key), bucket, key)
                counters["objectsCopiedToSink"] += 1
        for document in self._versions.listed(bucket["name"], "", ["live"]):
            if document["name"] not in listed:
                self._versions.delete(bucket, document, Conditions(), for_good=False)
                counters["objectsDeletedFromSink"] += 1

    def _copy(self, found: Any, bucket: Json, key: str) -> None:
        """Writes a copy of an S3 object to the Cloud Storage bucket, with the metadata that a transfer preserves."""
        fields = {
            "contentType": found["ContentType"],
            "cacheControl": found.get("CacheControl"),
            "contentEncoding": found.get("ContentEncoding"),
            "metadata": found["Metadata"],
        }
        draft = self._versions.draft(found["Body"].iter_chunks())
        self._versions.write(bucket, key, fields, draft, Conditions())

    def _assumed(self, role: str, agent: Account) -> Mapping[str, str]:
        """Returns credentials of the AWS role that Google's service account for transfers assumes."""
        token = self._tokens.identity(agent, role)
        sts = self._client("sts", {}, config=Config(signature_version=UNSIGNED))
        return sts.assume_role_with_web_identity(RoleArn=role, RoleSessionName="transfer", WebIdentityToken=token)[
            "Credentials"
        ]

    def _client(self, service: str, credentials: Mapping[str, str], **more: Any) -> Any:
        return cast(Any, boto3).client(
            service,
            region_name="us-east-1",
            endpoint_url=self._aws_url,
            aws_access_key_id=credentials.get("AccessKeyId"),
            aws_secret_access_key=credentials.get("SecretAccessKey"),
            aws_session_token=credentials.get("SessionToken"),
            **more,
        )


class _Errors:
    """Collects the errors of one run of a transfer job. For each error code, `breakdowns` has an item for the field
    `errorBreakdowns` of a transfer operation.
    """

    def __init__(self) -> None:
        self.breakdowns: dict[str, Json] = {}

    @contextmanager
    def of(self, url: str) -> Generator[None]:
        """Catches an error of S3, STS or Cloud Storage in a `with` block, and records it as an error of the object or
        bucket at `url`.
        """
        try:
            yield
        except ClientError as error:
            self._add(url, int(cast(Any, error.response)["ResponseMetadata"]["HTTPStatusCode"]), str(error))
        except BotoCoreError as error:
            self._add(url, 503, str(error))
        except Refused as error:
            self._add(url, error.status, str(error))

    def _add(self, url: str, status: int, message: str) -> None:
        code = _CODES.get(status, "UNAVAILABLE")
        found = self.breakdowns.setdefault(code, {"errorCode": code, "errorCount": "0", "errorLogEntries": []})
        found["errorCount"] = str(int(found["errorCount"]) + 1)
        if len(found["errorLogEntries"]) < _MOST_EXAMPLES:
            found["errorLogEntries"].append({"url": url, "errorDetails": [message]})


def _etags(s3: Any, bucket: str) -> dict[str, str]:
    """Returns a mapping from the key of each object in an S3 bucket to the object's ETag."""
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
    return {each["Key"]: each["ETag"].strip('"') for page in pages for each in page.get("Contents", [])}


def _etag_of(document: Json) -> str:
    """Returns the ETag that S3 gives to an object with the same content as a Cloud Storage object: the MD5 digest of
    the content.
    """
    return base64.b64decode(document["md5Hash"]).hex()


def _operation(document: Json) -> Json:
    """Converts a stored run of a transfer job to the form of the API: a finished long-running operation whose metadata
    contains the run.
    """
    metadata = {"@type": "type.googleapis.com/google.storagetransfer.v1.TransferOperation", **document}
    return {"name": document["name"], "metadata": metadata, "done": True}


def _now() -> str:
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")
