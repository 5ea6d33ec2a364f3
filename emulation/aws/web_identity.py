"""Checks the Google identity token with which a caller assumes an AWS role. moto 5.2 accepts any token.

Source of the checks and of the error messages: API reference of AWS STS, "AssumeRoleWithWebIdentity"; IAM User Guide,
"Available keys for AWS web identity federation".
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, cast

import httpx
from joserfc import jwt
from joserfc.errors import ExpiredTokenError, JoseError
from joserfc.jwk import KeySet
from moto.core.exceptions import AccessDeniedError
from moto.iam.exceptions import NotFoundException
from moto.iam.models import iam_backends
from moto.sts.exceptions import STSClientError
from moto.sts.responses import TokenResponse

from emulation.aws.conditions import UnknownCondition
from emulation.gcp.tokens import CERTS_PATH, ISSUER
from emulation.layout import AWS_ACCOUNT_ID

# A function that returns Google's public keys as a JSON Web Key Set. The function raises httpx.HTTPError if it cannot
# fetch the keys.
PublicKeys = Callable[[], Any]

_ACTION = "sts:AssumeRoleWithWebIdentity"
_PROVIDER = ISSUER.removeprefix("https://")
_ORIGINAL: Any = TokenResponse.assume_role_with_web_identity

Claims = Mapping[str, Any]


def google_keys(url: str) -> PublicKeys:
    """Returns a function that fetches the public keys for Google's identity tokens from the emulated Google Cloud at
    `url`."""
    return lambda: httpx.get(f"{url}{CERTS_PATH}", trust_env=False, timeout=60).raise_for_status().json()


def patch_web_identity(keys: PublicKeys) -> None:
    """Makes moto's AssumeRoleWithWebIdentity check the identity token and the trust policy of the role."""

    def assume_role_with_web_identity(response: TokenResponse) -> Any:
        given: Any = response
        claims = _claims(str(given._get_param("WebIdentityToken") or ""), keys)
        if not _trusted(_trust_policy(str(given._get_param("RoleArn"))), claims):
            raise AccessDeniedError("anonymous", _ACTION)
        return _ORIGINAL(response)

    cast(Any, TokenResponse).assume_role_with_web_identity = assume_role_with_web_identity


def _claims(token: str, keys: PublicKeys) -> Claims:
    """Returns the claims of a Google identity token. Raises STSClientError unless Google signed the token and the token
    has not expired.
    """
    try:
        claims = jwt.decode(token, KeySet.import_key_set(keys()), algorithms=["RS256"]).claims
        jwt.JWTClaimsRegistry(exp={"essential": True}, aud={"essential": True}, sub={"essential": True}).validate(
            claims
        )
    except httpx.HTTPError as error:
        raise STSClientError("IDPCommunicationErrorException", f"Google does not answer: {error}") from error
    except ExpiredTokenError as error:
        raise STSClientError("ExpiredTokenException", f"Token expired: {error}") from error
    except (JoseError, ValueError) as error:
        raise STSClientError("InvalidIdentityTokenException", f"The token is not valid: {error}") from error
    if claims.get("iss") != ISSUER:
        unknown = f"No OpenIDConnect provider found in your account for {claims.get('iss')}"
        raise STSClientError("InvalidIdentityTokenException", unknown)
    return claims


def _trust_policy(role_arn: str) -> Mapping[str, Any]:
    """Returns the trust policy of an IAM role. For a role that does not exist, returns a policy without statements,
    which allows nothing."""
    backend: Any = iam_backends[AWS_ACCOUNT_ID]["aws"]
    try:
        document = backend.get_role_by_arn(role_arn).assume_role_policy_document
    except NotFoundException:
        return {"Statement": []}
    return json.loads(document) if isinstance(document, str) else document


def _trusted(policy: Mapping[str, Any], claims: Claims) -> bool:
    effects = {statement["Effect"] for statement in policy["Statement"] if _applies(statement, claims)}
    return effects == {"Allow"}


def _applies(statement: Mapping[str, Any], claims: Claims) -> bool:
    federated = _texts(statement["Principal"].get("Federated"))
    if _PROVIDER not in federated or not {_ACTION, "sts:*"} & set(_texts(statement["Action"])):
        return False
    return all(_conditions(statement.get("Condition", {}), claims))


def _conditions(conditions: Mapping[str, Mapping[str, Any]], claims: Claims) -> Iterator[bool]:
    known = {
        f"{_PROVIDER}:aud": claims.get("azp", claims["aud"]),
        f"{_PROVIDER}:oaud": claims["aud"],
        f"{_PROVIDER}:sub": claims["sub"],
    }
    for operator, of in conditions.items():
        for key, values in of.items():
            if operator != "StringEquals" or key not in known:
                raise UnknownCondition(f"trust policy condition {operator} {key} is not emulated")
            yield known[key] in _texts(values)


def _texts(value: Any) -> list[str]:
    return [] if value is None else [value] if isinstance(value, str) else list(value)
