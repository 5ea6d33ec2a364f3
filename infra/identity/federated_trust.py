"""Who on Google Cloud may take on a role of AWS."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

GOOGLE = "accounts.google.com"
"""AWS knows this issuer by itself; a provider of one's own for it would be in the way (IAM User Guide, "Create a role
for OpenID Connect federation")."""


def by_google_tokens(unique_ids: Sequence[str], audience: str) -> Mapping[str, object]:
    """The statement of a role's trust policy that lets these service accounts in, by identity tokens made for
    `audience` and no others.

    AWS compares `aud` with the token's `azp`, which in a service account's token is its unique id, and `oaud` with the
    audience that was asked for (IAM User Guide, "Available keys for AWS web identity federation").
    """
    accounts = list(unique_ids)
    conditions = {f"{GOOGLE}:aud": accounts, f"{GOOGLE}:oaud": audience, f"{GOOGLE}:sub": accounts}
    return {
        "Effect": "Allow",
        "Principal": {"Federated": GOOGLE},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {"StringEquals": conditions},
    }
