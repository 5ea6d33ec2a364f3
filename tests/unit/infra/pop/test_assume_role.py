"""Tests the program with which a PoP machine on Google Cloud gets credentials of its AWS role."""

from __future__ import annotations

import io
import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import botocore.endpoint
import pytest
from botocore.exceptions import EndpointConnectionError

from tests.support.machine_program import load

pytestmark = pytest.mark.usefixtures("aws_cloud")

PROGRAM = Path(__file__).parents[4] / "infra/pop/machine/files/usr/local/sbin/assume-role"
ROLE = "arn:aws:iam::123456789012:role/artifact-edge-test-pop"


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The program, with an emulated metadata server that issues the token `token-of-pop`. The program's changes of the
    environment end with the test.
    """
    made: Any = load(PROGRAM)
    asked: list[Any] = []

    def urlopen(request: Any, timeout: float) -> io.BytesIO:
        asked.append(request)
        return io.BytesIO(b"token-of-pop")

    monkeypatch.setattr(made, "urlopen", urlopen)
    for name in made.ENVIRONMENT:
        monkeypatch.setenv(name, os.environ.get(name, ""))
    made.asked = asked
    return made


def test_prints_credentials_in_the_form_that_boto3_reads(program: Any, capsys: pytest.CaptureFixture[str]) -> None:
    program.main(ROLE, "eu-west-1", "us-east-1")
    found = json.loads(capsys.readouterr().out)
    assert found.keys() == {"Version", "AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration"}
    assert found["Version"] == 1
    assert datetime.fromisoformat(found["Expiration"]) > datetime.now(UTC)
    (request,) = program.asked
    assert request.full_url.endswith(f"/identity?audience={quote(ROLE)}")
    assert request.headers["Metadata-flavor"] == "Google"


def lost(region: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes AWS unreachable in a region."""
    send: Any = vars(botocore.endpoint.Endpoint)["_do_get_response"]

    def sent(endpoint: Any, request: Any, operation: Any, context: Any) -> Any:
        if region in request.url:
            return None, EndpointConnectionError(endpoint_url=request.url)
        return send(endpoint, request, operation, context)

    monkeypatch.setattr(botocore.endpoint.Endpoint, "_do_get_response", sent)


def test_goes_on_to_the_next_region_when_the_nearest_does_not_answer(
    program: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    lost("eu-west-1", monkeypatch)
    program.main(ROLE, "eu-west-1", "us-east-1")
    assert json.loads(capsys.readouterr().out)["AccessKeyId"]
    with pytest.raises(SystemExit, match="assume-role: eu-west-1: "):
        program.main(ROLE, "eu-west-1")


def test_boto3_does_not_run_the_program_again_for_its_own_request(
    program: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """boto3 looks for credentials before it sends a request without a signature, too."""
    monkeypatch.setenv("AWS_CONFIG_FILE", "/etc/artifact-edge/aws.config")
    program.main(ROLE, "us-east-1")
    assert os.environ["AWS_CONFIG_FILE"] == os.devnull
