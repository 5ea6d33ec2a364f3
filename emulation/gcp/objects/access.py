"""Checks whether a caller may access objects of the emulated Cloud Storage. The caller's access token identifies a
service account, and the bucket's IAM policy grants roles to this account.
"""

from __future__ import annotations

from emulation.gcp.catalog import Json, Refused
from emulation.gcp.tokens import Tokens

_READ = frozenset({"storage.objects.get", "storage.objects.list"})
_WRITE = frozenset({"storage.objects.create", "storage.objects.delete", "storage.objects.update"})
_RETAIN = frozenset({"storage.objects.setRetention", "storage.objects.overrideUnlockedRetention"})

# Maps each Cloud Storage role to the permissions that it grants. Permissions that the emulation never checks are not
# listed. Source: Cloud Storage, "IAM roles for Cloud Storage".
_OF_ROLE = {
    "roles/storage.objectViewer": _READ,
    "roles/storage.objectCreator": frozenset({"storage.objects.create"}),
    "roles/storage.objectUser": _READ | _WRITE,
    "roles/storage.objectAdmin": _READ | _WRITE | _RETAIN,
    "roles/storage.admin": _READ | _WRITE | _RETAIN | {"storage.buckets.get"},
    "roles/storage.legacyBucketReader": frozenset({"storage.buckets.get", "storage.objects.list"}),
}


class Access:
    """Checks the permissions of callers of the emulated Cloud Storage, who identify themselves by access tokens of
    service accounts."""

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens

    def caller(self, authorization: str) -> str:
        """Returns the IAM member that an `Authorization` header identifies. Raises Refused for an invalid token."""
        account = self._tokens.bearer(authorization)
        if account is None:
            raise Refused(401, "Invalid Credentials")
        return f"serviceAccount:{account.email}"

    def expect(self, caller: str, bucket: Json, *permissions: str) -> None:
        """Raises Refused unless the IAM policy of the Cloud Storage bucket grants the caller all of the permissions."""
        held = {
            permission
            for binding in bucket.get("iam", {}).get("bindings", [])
            if caller in binding["members"]
            for permission in _OF_ROLE.get(binding["role"], frozenset[str]())
        }
        for permission in permissions:
            if permission not in held:
                raise Refused(403, f"{caller} does not have {permission} access to the bucket '{bucket['name']}'.")
