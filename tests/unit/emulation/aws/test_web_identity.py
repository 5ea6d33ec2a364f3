"""Tests the emulated STS. A client can assume a role with an identity token that Google signed, and STS must check the
token.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import boto3
import httpx
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError
from moto.sts.responses import TokenResponse

from emulation.aws.conditions import UnknownCondition
from emulation.aws.web_identity import patch_web_identity
from emulation.gcp.tokens import Account, Tokens
from emulation.state_store import StateStore
from infra.iam import assumed_by_google_accounts

ROLE = "arn:aws:iam::123456789012:role/unit-shield"
SHIELD = Account("shield@unit.iam.gserviceaccount.com", "111")
STRANGER = Account("stranger@unit.iam.gserviceaccount.com", "222")


@pytest.fixture
def google(aws_cloud: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Tokens]:
    """Provides an emulated Google Cloud that signs identity tokens. The emulated AWS trusts its signing keys. A role in
    the emulated AWS permits the shield's Google service account to assume the role.
    """
    moto = cast(Any, TokenResponse)
    monkeypatch.setattr(moto, "assume_role_with_web_identity", moto.assume_role_with_web_identity)
    tokens = Tokens(StateStore(tmp_path / "gcp.sqlite"))
    patch_web_identity(tokens.public_keys)
    trust(assumed_by_google_accounts([SHIELD.unique_id], ROLE))
    yield tokens


def trust(*statements: Any) -> None:
    iam = cast(Any, boto3).client("iam", region_name="us-east-1")
    document = json.dumps({"Version": "2012-10-17", "Statement": statements})
    if any(role["RoleName"] == "unit-shield" for role in iam.list_roles()["Roles"]):
        iam.update_assume_role_policy(RoleName="unit-shield", PolicyDocument=document)
    else:
        iam.create_role(RoleName="unit-shield", AssumeRolePolicyDocument=document)


def assume_role(token: str, role: str = ROLE) -> Any:
    config = Config(signature_version=UNSIGNED, retries={"max_attempts": 0})
    sts = cast(Any, boto3).client("sts", region_name="us-east-1", config=config)
    return sts.assume_role_with_web_identity(RoleArn=role, RoleSessionName="us-0", WebIdentityToken=token)


def caller(credentials: Any) -> str:
    """Returns the ARN that AWS STS reports for the credentials."""
    sts = cast(Any, boto3).client(
        "sts",
        region_name="us-east-1",
        aws_access_key_id=credentials["AccessKeyId"],
        aws_secret_access_key=credentials["SecretAccessKey"],
        aws_session_token=credentials["SessionToken"],
    )
    return sts.get_caller_identity()["Arn"]


def refusal(token: str, role: str = ROLE) -> str:
    with pytest.raises(ClientError) as refused:
        assume_role(token, role)
    answer = cast(Any, refused.value).response
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == (403 if answer["Error"]["Code"] == "AccessDenied" else 400)
    return answer["Error"]["Code"]


def test_the_named_account_gets_credentials_of_the_role(google: Tokens) -> None:
    first, second = (assume_role(google.identity(SHIELD, ROLE))["Credentials"] for _ in range(2))
    assert caller(first) == caller(second) == "arn:aws:sts::123456789012:assumed-role/unit-shield/us-0"
    assert first["AccessKeyId"] != second["AccessKeyId"]
    assert 3500 < first["Expiration"].timestamp() - time.time() <= 3600


def test_an_account_that_the_policy_does_not_name_is_refused(google: Tokens) -> None:
    assert refusal(google.identity(STRANGER, ROLE)) == "AccessDenied"
    assert refusal(google.identity(SHIELD, f"{ROLE}-of-another")) == "AccessDenied"
    assert refusal(google.identity(SHIELD, ROLE), f"{ROLE}-that-is-not-there") == "AccessDenied"
    trust({"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"})
    assert refusal(google.identity(SHIELD, ROLE)) == "AccessDenied"


def test_a_deny_overrides_an_allow(google: Tokens) -> None:
    named = assumed_by_google_accounts([SHIELD.unique_id], ROLE)
    trust(named, {**named, "Effect": "Deny"})
    assert refusal(google.identity(SHIELD, ROLE)) == "AccessDenied"


def test_a_token_without_googles_signature_is_invalid(google: Tokens, tmp_path: Path) -> None:
    forged = Tokens(StateStore(tmp_path / "other.sqlite")).identity(SHIELD, ROLE)
    assert (
        refusal(forged) == refusal("not a token") == refusal(forged.rsplit(".", 1)[0] + ".") == ("InvalidIdentityToken")
    )
    header = base64.urlsafe_b64encode(b'{"alg":"none"}').decode().rstrip("=")
    assert refusal(f"{header}.{google.identity(SHIELD, ROLE).split('.')[1]}.") == "InvalidIdentityToken"


def test_an_expired_token_is_refused(google: Tokens, monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.time()
    with monkeypatch.context() as earlier:
        earlier.setattr("emulation.gcp.tokens.time.time", lambda: now - 3601)
        token = google.identity(SHIELD, ROLE)
    assert refusal(token) == "ExpiredTokenException"


def test_without_googles_keys_every_token_is_refused(google: Tokens) -> None:
    def fail() -> Any:
        raise httpx.ConnectError("refused")

    token = google.identity(SHIELD, ROLE)
    patch_web_identity(fail)
    assert refusal(token) == "IDPCommunicationError"


def test_an_unknown_condition_denies_access(google: Tokens) -> None:
    named = assumed_by_google_accounts([SHIELD.unique_id], ROLE)
    trust({**named, "Condition": {"StringLike": {"accounts.google.com:sub": "*"}}})
    with pytest.raises(UnknownCondition, match=r"StringLike accounts.google.com:sub"):
        assume_role(google.identity(SHIELD, ROLE))
