"""Creates and checks the tokens of Google service accounts. Identity tokens are signed JSON Web Tokens, and access
tokens are random strings.

Sources of the formats: Compute Engine, "Verify the identity of a VM"; OpenID Connect Core 1.0; RFC 7517 for the keys.
"""

from __future__ import annotations

import hashlib
import secrets
import threading
import time
from dataclasses import dataclass
from functools import cached_property

from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

from emulation.state_store import Entry, StateStore

ISSUER = "https://accounts.google.com"
# The URL path at which clients get the public keys that verify Google's identity tokens. The path is the same at
# www.googleapis.com and in the emulated Google Cloud.
CERTS_PATH = "/oauth2/v3/certs"

# The lifetime of identity tokens and access tokens in seconds (Google Cloud, "Token types").
LIFE_SECONDS = 3600

_KEYS, _ACCESS = "google-keys", "google-access-tokens"
_SIGNING = "signing"
_LOCK = threading.Lock()  # This lock prevents two threads from making two signing keys for Google's tokens.


@dataclass(frozen=True)
class Account:
    """A service account of the emulated Google Cloud."""

    email: str
    unique_id: str


class Tokens:
    """Creates and checks tokens of Google service accounts. The signing key and the access tokens are stored on
    disk."""

    def __init__(self, store: StateStore) -> None:
        self._store = store

    @cached_property
    def _key(self) -> RSAKey:
        """The signing key. Generating an RSA key takes longer than starting a whole emulated cloud, so the class
        generates the key only when a caller first signs a token or publishes the public keys.
        """
        return _signing_key(self._store)

    def account(self, email: str) -> Account | None:
        """Returns the Google service account with this email address, or None when no such account exists."""
        found = (document for document in self._store.all("gcp") if "uniqueId" in document)
        return next((Account(email, each["uniqueId"]) for each in found if each["email"] == email), None)

    def identity(self, account: Account, audience: str, *, full: bool = False) -> str:
        """Returns an identity token of a Google service account. The token is signed with RS256 and valid for one hour.

        If `full` is true, the token contains the email address, as with `format=full` of the metadata server.
        """
        now = int(time.time())
        claims = {
            "iss": ISSUER,
            "aud": audience,
            "azp": account.unique_id,
            "sub": account.unique_id,
            "iat": now,
            "exp": now + LIFE_SECONDS,
            **({"email": account.email, "email_verified": True} if full else {}),
        }
        return jwt.encode({"alg": "RS256", "kid": self._key.kid}, claims, self._key)

    def access(self, account: Account) -> str:
        """Returns a new access token for a Google service account, a random string that is valid for one hour."""
        token = f"ya29.{secrets.token_urlsafe(48)}"
        expiration = int(self._store.now()) + LIFE_SECONDS
        self._store.write(_ACCESS, Entry(_digest(token), account.email.encode(), expiration))
        return token

    def bearer(self, authorization: str) -> Account | None:
        """Returns the service account whose access token is in an `Authorization` header.

        Returns None when the token is unknown or expired, or when its account no longer exists.
        """
        scheme, _, token = authorization.partition(" ")
        found = self._store.read(_ACCESS, _digest(token)) if scheme.lower() == "bearer" else None
        return None if found is None else self.account(found.value.decode())

    def public_keys(self) -> dict[str, object]:
        """Returns the public keys that verify Google's identity tokens, as a JSON Web Key Set."""
        return dict(KeySet([self._key]).as_dict(private=False))


def _signing_key(store: StateStore) -> RSAKey:
    with _LOCK:
        held = store.read(_KEYS, _SIGNING)
        pem = held.value if held else RSAKey.generate_key(2048).as_pem(private=True)
        if held is None:
            store.write(_KEYS, Entry(_SIGNING, pem))
    return RSAKey.import_key(pem, {"use": "sig", "alg": "RS256", "kid": hashlib.sha256(pem).hexdigest()[:40]})


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
