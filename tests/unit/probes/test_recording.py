"""Tests the recordings of a cloud's responses to a probe (a check of the cloud's behaviour). A recording must contain
no secrets and no account IDs. A comparison of two recordings must find the differences.
"""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path

from probes.recording import Answer, Recording, differences, read

ACCOUNT, RUN = "210987654321", "0a1b2c3d"
SECRETS = {
    "PrivateKey": "-----BEGIN ENCRYPTED PRIVATE KEY-----\nabc\n-----END ENCRYPTED PRIVATE KEY-----",
    "SecretString": "hunter2",
    "SessionToken": "FwoGZXIvYXdzEBY",
    "Passphrase": "0123456789",
}


def recorded(directory: Path) -> str:
    recording = Recording(RUN)
    body = {
        **SECRETS,
        "Role": {
            "Arn": f"arn:aws:iam::{ACCOUNT}:role/artifact-edge-probe-{RUN}-role",
            "RoleId": "AROAJQABLZS4A3QDU576Q",
        },
        "CreateDate": datetime(2026, 11, 27, 1, 2, 3, tzinfo=UTC),
        "Certificate": "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
        "List": [{"Id": "12345678-1234-1234-1234-123456789012"}],
    }
    headers = {"X-Amzn-RequestId": "4c7a", "Content-Type": "text/xml", "CF-Ray": "8f1"}
    recording.add("iam CreateRole", 200, "", headers, body)
    return recording.write("example", directory, date(2026, 11, 27)).read_text()


def test_secrets_and_ids_are_left_out_of_a_recording(tmp_path: Path) -> None:
    text = recorded(tmp_path)
    hidden = [ACCOUNT, RUN, "AROAJQABLZS4A3QDU576Q", "4c7a", "8f1", "12345678-1234", "MIIB", *SECRETS.values()]
    assert [value for value in hidden if value in text] == []
    (answer,) = json.loads(text)["answers"]
    assert answer["headers"] == {"content-type": "text/xml"}
    assert answer["body"]["Role"]["Arn"] == "arn:aws:iam::<account>:role/artifact-edge-probe-<run>-role"


def test_a_recording_is_read_as_it_was_written(tmp_path: Path) -> None:
    recorded(tmp_path)
    (answer,) = read(tmp_path / "example.json")
    assert (answer.call, answer.status, answer.error) == ("iam CreateRole", 200, "")


def test_another_status_error_or_number_of_answers_is_a_difference() -> None:
    before = [Answer("s3 CopyObject", 412, "PreconditionFailed", body="any")]
    assert differences(before, [Answer("s3 CopyObject", 412, "PreconditionFailed", body="other")]) == []
    assert differences(before, [Answer("s3 CopyObject", 200)]) == [
        "s3 CopyObject: 200 was recorded as s3 CopyObject: 412 PreconditionFailed"
    ]
    assert differences(before, []) == ["0 answers were recorded as 1"]
