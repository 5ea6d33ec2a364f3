"""Tests the program on a PoP machine that reports refused requests to CloudWatch. NGINX runs with the machine's
configuration files and writes the access log.
"""

from __future__ import annotations

import time
import types
from collections import Counter
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from emulation.providers.aws.clients import client
from infra.waf import Sources, WafArgs
from tests.support.machine_program import load
from tests.support.own_pop import Front, running_front
from tests.support.waiting import eventually

PROGRAM = Path(__file__).parents[4] / "infra/pop/machine/programs/report-refusals"
DENIED = "127.0.5.2"


@pytest.fixture(scope="module")
def front() -> Generator[Front]:
    with running_front(WafArgs(deny=Sources(["127.0.5.0/24"]))) as running:
        yield running


@pytest.fixture
def program(aws_cloud: None, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("ENVIRONMENT", "test")
    return load(PROGRAM)


def reported(**dimensions: str) -> float:
    """Returns the sum of the metric's values with exactly these dimensions."""
    named = [{"Name": name, "Value": value} for name, value in {"Environment": "test", **dimensions}.items()]
    metric = {"Namespace": "ArtifactEdge", "MetricName": "RefusedRequests", "Dimensions": named}
    query = {"Id": "refused", "MetricStat": {"Metric": metric, "Period": 7200, "Stat": "Sum"}}
    now = time.time()
    found = client("cloudwatch", {}).get_metric_data(MetricDataQueries=[query], StartTime=now - 3600, EndTime=now + 60)
    return sum(found["MetricDataResults"][0]["Values"])


def access_log(front: Front) -> Path:
    return Path(front.directories.log) / "access.log"


def request(front: Front, path: str, client: str = "127.0.0.1", user_agent: str = "npm") -> None:
    """Sends a request, and waits until NGINX has logged it."""
    before = len(front.log()) if access_log(front).exists() else 0
    front.request(path, client=client, user_agent=user_agent)
    assert eventually(lambda: len(front.log()) == before + 1)


def test_each_refused_request_counts_for_its_rule_and_in_all(front: Front, program: Any) -> None:
    request(front, "/npm/before-the-start", DENIED)
    log, refused, cloudwatch = program.Log(access_log(front)), Counter[str](), client("cloudwatch", {})
    request(front, "/npm/left-pad")
    request(front, "/npm/left-pad", DENIED)
    request(front, "/npm/%2e%2e/left-pad")
    request(front, '/npm/"rule":"invented"', user_agent='"rule":"invented"')
    program.report(log, refused, cloudwatch)
    assert (reported(), reported(Rule="deny"), reported(Rule="malformed")) == (2, 1, 1)
    request(front, "/npm/left-pad", DENIED)
    program.report(log, refused, cloudwatch)
    program.report(log, refused, cloudwatch)
    assert (reported(), reported(Rule="deny"), reported(Rule="invented")) == (3, 2, 0)


def test_requests_count_although_cloudwatch_failed_and_the_log_was_rotated(program: Any, tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    log, refused, cloudwatch = program.Log(path), Counter[str](), client("cloudwatch", {})

    def fails(**_: object) -> None:
        raise program.ClientError({"Error": {}}, "PutMetricData")

    path.write_text('{"rule":"deny"}\n{"rule":""}\n{"rule":"de')
    with pytest.raises(program.ClientError):
        program.report(log, refused, types.SimpleNamespace(put_metric_data=fails))
    with path.open("a") as file:
        file.write('ny"}\n')
    path.rename(tmp_path / "access.log.1")
    with (tmp_path / "access.log.1").open("a") as file:
        file.write('{"rule":"methods"}\n')
    program.report(log, refused, cloudwatch)
    path.write_text('{"rule":"methods"}\n')
    program.report(log, refused, cloudwatch)
    assert (reported(), reported(Rule="deny"), reported(Rule="methods")) == (4, 2, 2)
