"""Provenance of npm packages. Checks a Sigstore bundle, and renders the document of npm's attestations API.

The registry checks only that the bundle attests the published tarball. It cannot verify the bundle's signatures,
because it does not have Sigstore's trusted root certificates. Clients have these certificates, and verify the
signatures with `npm audit signatures`.

Sources: sigstore/protobuf-specs, sigstore_bundle.proto; in-toto Statement v1 (npm's libnpmpublish checks the subject's
purl and digest, lib/provenance.js).
"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

from pydantic import BaseModel, Field, ValidationError

from registry import RegistryError

_BUNDLE_BYTES = 4 << 20
_PAYLOAD_TYPE = "application/vnd.in-toto+json"
_MEDIA_TYPE = r"^application/vnd\.dev\.sigstore\.bundle(\+json;version=0\.[123]|\.v0\.3\+json)$"
_HOW = "make one with: npm publish --provenance, or cosign attest-blob --type slsaprovenance1"


class _Envelope(BaseModel):
    payload: str
    payloadType: str
    signatures: list[dict[str, Any]] = Field(min_length=1)


class _Bundle(BaseModel):
    mediaType: str = Field(pattern=_MEDIA_TYPE)
    verificationMaterial: dict[str, Any]
    dsseEnvelope: _Envelope


class _Subject(BaseModel):
    name: str
    digest: dict[str, str]


class _Statement(BaseModel):
    subject: list[_Subject]
    predicateType: str


def checked_attestations(file: Path, name: str, version: str, sha512: bytes) -> tuple[bytes, str]:
    """Returns two values for the Sigstore bundle in `file`: the document of npm's attestations API, and the predicate
    type.

    `sha512` is the digest of the tarball. Raises RegistryError when the file is not a Sigstore bundle, or when the
    bundle attests another package or another digest.
    """
    try:
        raw = file.read_bytes()[: _BUNDLE_BYTES + 1]
    except OSError as error:
        raise RegistryError(f"--provenance {file}: cannot be read: {error.strerror}") from None
    if len(raw) > _BUNDLE_BYTES:
        raise RegistryError(f"--provenance {file}: is larger than {_BUNDLE_BYTES >> 20} MiB")
    try:
        envelope = _Bundle.model_validate_json(raw).dsseEnvelope
        statement = _Statement.model_validate_json(base64.b64decode(envelope.payload, validate=True))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "the file"
        raise RegistryError(f"--provenance {file}: is not a Sigstore bundle: {place}: {first['msg']}; {_HOW}") from None
    except ValueError as error:
        raise RegistryError(f"--provenance {file}: the payload is not base64: {error}; {_HOW}") from None
    if envelope.payloadType != _PAYLOAD_TYPE:
        raise RegistryError(f"--provenance {file}: holds {envelope.payloadType!r}, not {_PAYLOAD_TYPE!r}; {_HOW}")
    wanted = f"pkg:npm/{quote(name, safe='/')}@{version}"
    digests = [each.digest.get("sha512") for each in statement.subject if each.name.partition("?")[0] == wanted]
    if sha512.hex() not in digests:
        found = ", ".join(each.name for each in statement.subject) or "nothing"
        raise RegistryError(
            f"--provenance {file}: attests {found}, not {wanted} with SHA-512 {sha512.hex()[:16]}…; "
            "attest the tarball that you publish"
        )
    attestation = {"predicateType": statement.predicateType, "bundle": json.loads(raw)}
    return json.dumps({"attestations": [attestation]}).encode(), statement.predicateType
