"""Tests that only infra/iam.py writes IAM documents. Also tests that the permission to read a secret applies only to
that secret.
"""

from __future__ import annotations

import json
from fnmatch import fnmatchcase
from pathlib import Path

from infra.iam import allow, document, read_secret, read_secrets

ROOT = Path(__file__).parents[3]
WRITER = "infra/iam.py"


def test_no_other_module_writes_a_policy_document_or_the_arn_of_a_secret() -> None:
    marks = ("2012-10-17", "-??????", "sts:AssumeRole")
    writers = {
        file.relative_to(ROOT).as_posix()
        for room in ("infra", "stacks", "bootstrap")
        for file in (ROOT / room).rglob("*.py")
        if any(mark in file.read_text() for mark in marks)
    }
    assert writers == {WRITER}


def test_a_document_holds_single_statements_and_lists_of_them_in_their_order() -> None:
    actions = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"]
    one, two, three = (allow(action, "*") for action in actions)
    written = json.loads(document(one, [two, three]))
    assert [statement["Action"] for statement in written["Statement"]] == actions
    assert written["Statement"][0] == {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}


def test_the_permission_to_read_a_secret_covers_only_that_secret_in_the_given_regions() -> None:
    statement = read_secret(["us-east-1", "eu-west-1"], "123456789012", "artifact-edge/dev/edge")
    begin = "arn:aws:secretsmanager:us-east-1:123456789012:secret:artifact-edge/dev/edge"
    pattern, replica = list(statement.get("Resource", []))
    assert replica == pattern.replace("us-east-1", "eu-west-1")
    assert fnmatchcase(f"{begin}-AbCdE1", pattern)
    assert not fnmatchcase(f"{begin}-kv-AbCdE1", pattern)
    assert read_secrets(["us-east-1", "eu-west-1"], "123456789012", ["artifact-edge/dev/edge"]) == {
        **statement,
        "Action": ["secretsmanager:GetSecretValue"],
        "Sid": "Secrets",
    }
