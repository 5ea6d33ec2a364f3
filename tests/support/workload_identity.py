"""Emulates a workload identity provider of Google Cloud. The provider exchanges identity tokens, as Google's Security
Token Service does.

Sources: Google Cloud, "Configure Workload Identity Federation with deployment pipelines"; IAM API Reference,
"projects.locations.workloadIdentityPools.providers"; "Troubleshoot Workload Identity Federation". Google's own
implementation of the Common Expression Language evaluates the expressions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cel_expr_python import cel  # pyright: ignore[reportMissingTypeStubs]

from emulation.gcp.workload_identity import MOST_CONDITION_CHARACTERS

# The maximum length of the attribute `google.subject` of a token on Google Cloud, in bytes.
MOST_SUBJECT_BYTES = 127


class Refused(Exception):
    """Raised where the real Google Cloud would refuse a token, or the configuration of a workload identity provider."""


@dataclass(frozen=True)
class Provider:
    """A provider of a workload identity pool.

    `name` is the full name of the provider. Google's default audience is this name: the provider accepts only tokens
    for it.
    """

    name: str
    issuer: str
    attribute_mapping: Mapping[str, str]
    attribute_condition: str

    def __post_init__(self) -> None:
        if "google.subject" not in self.attribute_mapping:
            raise Refused("the mapping has no google.subject")
        if len(self.attribute_condition) > MOST_CONDITION_CHARACTERS:
            raise Refused(f"the condition has {len(self.attribute_condition)} characters")

    def subject(self, claims: Mapping[str, Any]) -> str:
        """Returns the subject of the federated identity that a token with these claims gets.

        Raises Refused in each of these cases:
        - The token has another issuer or audience.
        - `attribute_condition` is not true.
        - `attribute_condition` or `attribute_mapping` reads a claim that the token does not have.
        - The subject is too long.
        """
        if claims["iss"] != self.issuer:
            raise Refused(f"the token is of the issuer {claims['iss']}")
        if claims["aud"] != f"https://iam.googleapis.com/{self.name}":
            raise Refused(f"the token is for the audience {claims['aud']}")
        if _value(self.attribute_condition, claims) is not True:
            raise Refused("the condition is not true")
        subject = _value(self.attribute_mapping["google.subject"], claims)
        if not isinstance(subject, str) or len(subject.encode()) > MOST_SUBJECT_BYTES:
            raise Refused(f"google.subject {subject!r} is not a text of at most {MOST_SUBJECT_BYTES} bytes")
        return subject


def _value(expression: str, claims: Mapping[str, Any]) -> object:
    environment = cel.NewEnv(variables={"assertion": cel.Type.DYN})
    found = environment.compile(expression).eval(data={"assertion": dict(claims)})
    if found.type() == cel.Type.ERROR:
        raise Refused(f"{expression}: {found}")
    return found.value()
