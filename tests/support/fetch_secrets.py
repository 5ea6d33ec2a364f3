"""Runs the program fetch-secrets in tests. A shield node (a regional cache machine) fetches its secrets with this
program. Tests can make AWS services unreachable for the program.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import botocore.endpoint
import pytest
from botocore.exceptions import EndpointConnectionError

from emulation.providers.aws.clients import client
from tests.support.machine_program import load

PROGRAM = Path(__file__).parents[2] / "infra/shield/machine/files/usr/local/sbin/fetch-secrets"
SECRET = "artifact-edge/test/shield"
SERVING = "/artifact-edge/test/serving/eu-west-1-0"
NEAR, HOME = "eu-west-1", "us-east-1"
ROLE = "artifact-edge-test-shield"


class Machine:
    """Runs the program fetch-secrets as a machine on Google Cloud does, with a temporary directory in place of `/run`.

    `down` lists AWS hosts that cannot be reached. `asked` lists the hosts to which the program sent requests. The
    temporary directory already contains certificate files of the current day, so the program does not export the
    certificate again.
    """

    def __init__(self, run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.program: Any = load(PROGRAM)
        self.run = run
        self.down: set[str] = set()
        self.asked: list[str] = []
        self.program.DIRECTORY = run
        self.program.BEARER = run / "bearer.lua"
        self.program.INSTANCE_ID = run / "instance-id"
        self.program.INSTANCE_ID.write_text("1234567890\n")
        self.program.account_metadata = self.account_metadata
        send: Any = cast(Any, botocore.endpoint.Endpoint)._do_get_response

        def sent(endpoint: Any, request: Any, operation: Any, context: Any) -> Any:
            host = request.url.split("/")[2]
            self.asked.append(host)
            if host in self.down:
                return None, EndpointConnectionError(endpoint_url=request.url)
            return send(endpoint, request, operation, context)

        monkeypatch.setattr(botocore.endpoint.Endpoint, "_do_get_response", sent)
        for name in ("server_certificate.pem", "server_key.pem"):
            (run / name).write_text("of today")

    def account_metadata(self, path: str) -> str:
        return json.dumps({"access_token": "google"}) if path == "token" else "an identity token"

    def files(self) -> Mapping[str, str]:
        return {file.name: file.read_text() for file in self.run.iterdir()}


def machine_with_secret(run: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """Creates the secret of the shield machines in the emulated AWS. Returns a machine that may read the secret. `run`
    is the machine's run directory.
    """
    settings = {
        "CLOUD": "gcp",
        "SECRET_ID": SECRET,
        "SECRET_REGIONS": f"{NEAR},{HOME}",
        "CERTIFICATE_REGIONS": f"{HOME},{NEAR}",
        "SERVING_PARAMETER": SERVING,
        "SERVING_REGION": HOME,
        "CERTIFICATE_PARAMETER": "/artifact-edge/test/shield-certificate",
        "AWS_ROLE_ARN": f"arn:aws:iam::123456789012:role/{ROLE}",
        "AWS_STS_REGIONAL_ENDPOINTS": "regional",
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    client("secretsmanager", {"region": HOME}).create_secret(
        Name=SECRET,
        SecretString=json.dumps({"client_ca": "the authority", "origin_key": "the key"}),
        AddReplicaRegions=[{"Region": NEAR}],
    )
    return Machine(run, monkeypatch)
