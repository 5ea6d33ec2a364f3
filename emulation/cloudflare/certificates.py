"""Serves the Cloudflare API for the mTLS client certificates of an account."""

from __future__ import annotations

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from flask import Blueprint, Response

from emulation.cloudflare.deployment import Script, deployed
from emulation.cloudflare.envelope import ApiError, Json, body, new_id, now, page, success, take
from emulation.cloudflare.existing import existing
from emulation.state_store import StateStore


def blueprint(store: StateStore) -> Blueprint:
    """Returns the Cloudflare API endpoints below /accounts/<account>/mtls_certificates."""
    certificates = Blueprint("certificates", __name__)

    @certificates.get("/accounts/<account>/mtls_certificates")
    def list_certificates(account: str) -> Response:
        return page([_public(known) for known in store.all("certificate", account)])

    @certificates.post("/accounts/<account>/mtls_certificates")
    def upload(account: str) -> Response:
        given = take(body(), required=["certificates"], optional=["ca", "name", "private_key"])
        leaf = _parse(given["certificates"])
        if not given.get("ca"):
            _refuse_other_key(leaf, given.get("private_key") or "")
        certificate: Json = {
            "id": new_id(),
            "ca": bool(given.get("ca")),
            "certificates": given["certificates"],
            "name": given.get("name", ""),
            "private_key": given.get("private_key") or "",
            "serial_number": str(leaf.serial_number),
            "type": "custom",
            **_described(leaf),
        }
        store.put("certificate", account, certificate["id"], certificate)
        return success(_public(certificate))

    @certificates.get("/accounts/<account>/mtls_certificates/<id>")
    def get(account: str, id: str) -> Response:
        return success(_public(_known(store, account, id)))

    @certificates.delete("/accounts/<account>/mtls_certificates/<id>")
    def delete(account: str, id: str) -> Response:
        certificate = _known(store, account, id)
        users = [script.name for script in deployed(store) if _uses(script, id)]
        if users:
            raise ApiError(409, 1411, f"mTLS certificate {id} is bound by the script {', '.join(users)}")
        store.remove("certificate", account, id)
        return success(_public(certificate))

    return certificates


def _known(store: StateStore, account: str, id: str) -> Json:
    return existing(store, "certificate", account, id, 1407, f"mTLS certificate not found: {id}")


def _uses(script: Script, id: str) -> bool:
    return any(binding.get("certificate_id") == id for binding in script.bindings)


def _public(certificate: Json) -> Json:
    """Returns a stored certificate as the Cloudflare API does: with all fields except the private key."""
    return {name: value for name, value in certificate.items() if name != "private_key"}


def _parse(pem: str) -> x509.Certificate:
    """Returns the first certificate in a PEM string. Raises ApiError unless all its certificates are valid."""
    try:
        return x509.load_pem_x509_certificates(pem.encode())[0]
    except ValueError as error:
        raise ApiError(400, 1413, f"certificate is not PEM of an X.509 certificate: {error}") from None


def _refuse_other_key(leaf: x509.Certificate, pem: str) -> None:
    if not pem:
        raise ApiError(400, 1412, "private_key is required for a leaf certificate (ca: false)")
    try:
        key = serialization.load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError):
        raise ApiError(400, 1412, "private_key is not PEM of an unencrypted private key") from None
    if key.public_key() != leaf.public_key():
        raise ApiError(400, 1414, "private_key is not the key of the (first) certificate")


def _described(certificate: x509.Certificate) -> Json:
    algorithm = certificate.signature_hash_algorithm
    return {
        "expires_on": certificate.not_valid_after_utc.isoformat().replace("+00:00", "Z"),
        "issuer": certificate.issuer.rfc4514_string(),
        "signature": algorithm.name if algorithm else "",
        "uploaded_on": now(),
        "updated_at": now(),
    }
