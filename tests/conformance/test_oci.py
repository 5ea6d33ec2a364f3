"""Runs the conformance suite of the OCI Distribution Specification 1.1 against the edge, which only serves reads."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import httpx
import pytest

from emulation.layout import CLIENT_LOCATIONS
from local.checkout import CHECKOUT
from local.clients import Client
from local.health import edge_authority
from tests.clients import published
from tests.clients.programs import how_to_install, program
from tests.clients.published import REPOSITORY
from tests.support.sandbox.edge import access
from tests.support.sandbox.up import Up

# The tests of the OCI conformance suite that must pass. These tests only read. Because the tests that push are off, the
# suite crashes at its end, after it has printed a summary. This module reads the verdicts from the summary, and ignores
# the exit status.
PASS = {
    "Ping",
    "Tag listing",
    "Blob get",
    "Blob head",
    "Manifest get by digest",
    "Manifest get by tag",
    "Manifest head by digest",
    "Manifest head by tag",
    "Referrers",
    "Read Only Inputs",
    "Invalid Manifest Digest",
}
_VERDICT = re.compile(r"^  ([A-Z][^:\n]*?)\.*: +([A-Za-z]+)$", re.MULTILINE)
REPORT = CHECKOUT / "dist" / "conformance" / "oci"


@pytest.mark.skipif(program("conformance") is None, reason=f"is not installed; {how_to_install('conformance')}")
def test_the_read_only_categories_pass(up: Up, tmp_path: Path) -> None:
    images = published.publish(up, tmp_path)
    client = Client(up.sandbox, "clients", up.outputs()["url"])
    with httpx.Client(**access(up, CLIENT_LOCATIONS[0], "clients")) as edge:
        manifest = edge.get(f"/v2/{REPOSITORY}/manifests/{images.amd64['digest']}").raise_for_status().json()
    settings = {
        "OCI_VERSION": "1.1",
        "OCI_REGISTRY": client.host,
        "OCI_TLS": "enabled",
        "OCI_REPO1": REPOSITORY,
        "OCI_USERNAME": "__token__",
        "OCI_PASSWORD": client.token() or "",
        "OCI_RESULTS_DIR": str(REPORT),
        "OCI_RO_DATA_TAGS": " ".join(images.tags),
        "OCI_RO_DATA_MANIFESTS": " ".join(each["digest"] for each in (*images.tags.values(), images.sbom)),
        "OCI_RO_DATA_BLOBS": " ".join(each["digest"] for each in (manifest["config"], *manifest["layers"])),
        "OCI_RO_DATA_REFERRERS": f"{images.amd64['digest']} {images.sbom['digest']} sha256:{'1' * 64}",
        "OCI_API_BLOBS_DIGEST_HEADER": "true",
        **dict.fromkeys(("OCI_API_PUSH", "OCI_API_BLOBS_DELETE", "OCI_API_MANIFESTS_DELETE"), "false"),
        **dict.fromkeys(("OCI_API_TAGS_DELETE", "OCI_API_BLOBS_UPLOAD_CANCEL"), "false"),
        "HTTPS_PROXY": client.proxy,
        "SSL_CERT_FILE": str(edge_authority(up.sandbox)),
        "PATH": os.environ["PATH"],
    }
    REPORT.mkdir(parents=True, exist_ok=True)
    run = subprocess.run(
        [str(program("conformance"))], env=settings, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    (REPORT / "summary.txt").write_text(run.stdout)
    print(run.stdout)
    verdicts = {name.rstrip("."): verdict for name, verdict in _VERDICT.findall(run.stdout)}
    assert {name for name, verdict in verdicts.items() if verdict == "Pass"} >= PASS, run.stdout + run.stderr
    assert set(verdicts.values()) <= {"Pass", "Disabled", "Skip", "Unknown"}, run.stdout + run.stderr
