"""Reads the deployed Lambda functions from the emulated AWS: code, settings, event source mappings, schedules and
URLs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

import boto3
import httpx
from botocore.exceptions import ClientError

from emulation.aws.changes import ChangedRegions
from emulation.lambda_runtime.schedules import Schedule, schedules
from emulation.layout import Sandbox


@dataclass(frozen=True)
class Code:
    """The code and the settings of a deployed Lambda function. `digest` changes when the code changes, and `location`
    is the download URL of the code.
    """

    name: str
    arn: str
    region: str
    role: str  # The ARN of the IAM role that the Lambda function has.
    handler: str
    timeout: int  # The time limit of one invocation of the Lambda function, in seconds.
    variables: tuple[tuple[str, str], ...]
    digest: str
    location: str


@dataclass(frozen=True)
class StreamMapping:
    """A Lambda event source mapping, which delivers the records of a DynamoDB stream to a function."""

    id: str
    region: str
    stream: str
    function: str  # The ARN of the Lambda function that receives the DynamoDB records.
    batch: int
    bisect: bool
    tries: int  # The maximum number of retries of a batch of records. The value -1 means no limit.
    oldest: int  # The maximum age of a record in seconds; older records are discarded. The value -1 means no limit.
    start: str
    partial: bool
    patterns: tuple[str, ...]
    dead_letters: str  # The ARN of the dead-letter queue for discarded records, or an empty string.


@dataclass(frozen=True)
class Deployed:
    """All deployed Lambda functions with their event source mappings, URLs and schedules. `urls` maps the host name of
    a function URL to the function's ARN."""

    functions: Mapping[str, Code]  # Maps the ARN of each function to its code.
    mappings: Mapping[str, StreamMapping]  # Maps the id of each event source mapping to its settings.
    urls: Mapping[str, str]
    schedules: frozenset[Schedule]


class Functions:
    """Reads the deployed Lambda functions of all regions. Each call of `deployed` reads only the regions in which
    Lambda or EventBridge was changed.
    """

    def __init__(self, sandbox: Sandbox, report: Callable[[str], None]) -> None:
        self._endpoint = sandbox.aws_url
        self._report = report
        self._session = session()
        self._changes = ChangedRegions(sandbox.aws_url, {"events", "lambda"})
        self._regions: dict[str, Deployed] = {}
        self._clients: dict[tuple[str, str], Any] = {}

    def deployed(self) -> Deployed:
        """Returns the deployed functions, event source mappings, function URLs and schedules of all regions. Raises
        httpx.HTTPError or an error of botocore when the emulated AWS does not answer.
        """
        now = self._changes.now()
        for region in self._changes.since_seen(now):
            self._regions[region] = self._deployed_in(region)
        self._changes.seen(now)
        regions = self._regions.values()
        return Deployed(
            {arn: code for each in regions for arn, code in each.functions.items()},
            {id: mapping for each in regions for id, mapping in each.mappings.items()},
            {host: arn for each in regions for host, arn in each.urls.items()},
            frozenset(schedule for each in regions for schedule in each.schedules),
        )

    def _deployed_in(self, region: str) -> Deployed:
        functions = {code.arn: code for code in self._functions(region)}
        if not functions:
            return Deployed({}, {}, {}, frozenset())
        return Deployed(
            functions,
            {mapping.id: mapping for mapping in self._mappings(region)},
            dict(self._urls(region, functions)),
            frozenset(schedules(self._client(region, "events"), self._client(region), region, self._report)),
        )

    def _client(self, region: str, service: str = "lambda") -> Any:
        if (region, service) not in self._clients:
            client = self._session.client(service, region_name=region, endpoint_url=self._endpoint)
            self._clients[region, service] = client
        return self._clients[region, service]

    def _functions(self, region: str) -> Iterator[Code]:
        for described in self._client(region).list_functions()["Functions"]:
            found = self._client(region).get_function(FunctionName=described["FunctionName"])
            settings = found["Configuration"]
            yield Code(
                name=settings["FunctionName"],
                arn=settings["FunctionArn"],
                region=region,
                role=settings["Role"],
                handler=settings["Handler"],
                timeout=settings["Timeout"],
                variables=tuple(sorted(settings.get("Environment", {}).get("Variables", {}).items())),
                digest=settings["CodeSha256"],
                location=found["Code"]["Location"],
            )

    def _mappings(self, region: str) -> Iterator[StreamMapping]:
        for described in self._client(region).list_event_source_mappings()["EventSourceMappings"]:
            if described["State"] != "Enabled" or ":dynamodb:" not in described["EventSourceArn"]:
                continue
            filters: list[dict[str, str]] = _object(described, "FilterCriteria").get("Filters", [])
            yield StreamMapping(
                id=described["UUID"],
                region=region,
                stream=described["EventSourceArn"],
                function=described["FunctionArn"],
                batch=described["BatchSize"],
                bisect=bool(described.get("BisectBatchOnFunctionError")),
                tries=_or_unlimited(described.get("MaximumRetryAttempts")),
                oldest=_or_unlimited(described.get("MaximumRecordAgeInSeconds")),
                start=described["StartingPosition"],
                partial="ReportBatchItemFailures" in (described.get("FunctionResponseTypes") or []),
                patterns=tuple(each["Pattern"] for each in filters),
                dead_letters=_object(_object(described, "DestinationConfig"), "OnFailure").get("Destination", ""),
            )

    def _urls(self, region: str, functions: Mapping[str, Code]) -> Iterator[tuple[str, str]]:
        for code in functions.values():
            try:
                url = self._client(region).get_function_url_config(FunctionName=code.name)["FunctionUrl"]
            except ClientError:
                # Lambda answers GetFunctionUrlConfig with an error if the function has no URL.
                continue
            yield httpx.URL(url).host, code.arn


def session() -> Any:
    """Returns a boto3 session with placeholder credentials, because the emulated AWS accepts any credentials."""
    return cast(Any, boto3).Session(aws_access_key_id="local", aws_secret_access_key="local")  # noqa: S106


def _object(described: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    return described.get(name) or {}


def _or_unlimited(value: int | None) -> int:
    return -1 if value is None else value
