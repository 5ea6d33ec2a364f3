"""Tests HTTP/2 and TLS of a PoP's NGINX with two programs from other projects: h2spec and sslyze.

`make test-scans` installs both programs.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Generator
from pathlib import Path
from xml.etree import ElementTree

import pytest

from infra.waf import WafArgs
from tests.support.own_pop import Front, running_front

_PROGRAMS = Path(__file__).parent / "bin"

# The test cases of h2spec that NGINX fails, from known-h2spec-failures.txt. In this file, lines that start with "#"
# give the reasons.
_KNOWN = {
    line
    for line in (Path(__file__).parent / "known-h2spec-failures.txt").read_text().splitlines()
    if not line.startswith("#")
}


@pytest.fixture(scope="module")
def front() -> Generator[Front]:
    with running_front(WafArgs()) as running:
        yield running


def _program(name: str) -> str:
    found = shutil.which(name, path=f"{_PROGRAMS}:{_PROGRAMS / 'sslyze' / 'bin'}")
    if found is None:
        pytest.skip(f"{name} is not installed; run `make test-scans`")
    return found


def test_http2_fails_only_the_known_cases_of_h2spec(front: Front, tmp_path: Path) -> None:
    report = tmp_path / "h2spec.xml"
    command = [_program("h2spec"), "--tls", "--insecure", "--host", "127.0.0.1", "--port", str(front.port)]
    options = ["--path", "/healthz", "--timeout", "3", "--junit-report", str(report)]
    subprocess.run([*command, *options], capture_output=True, check=False, timeout=300)
    cases = list(ElementTree.parse(report).getroot().iter("testcase"))  # noqa: S314 the report is of this test's program
    assert len(cases) > 140
    failed = {f"{case.get('package')}: {case.get('classname')}" for case in cases if case.find("error") is not None}
    assert failed - _KNOWN == set()


def test_tls_is_mozillas_intermediate_configuration(front: Front) -> None:
    command = [_program("sslyze"), f"--certinfo_ca_file={front.authority}", "--mozilla_config=intermediate"]
    said = subprocess.run(
        [*command, f"localhost:{front.port}"], capture_output=True, text=True, check=False, timeout=300
    ).stdout
    assert "Not vulnerable to Heartbleed" in said
    assert re.search(r"TLS_FALLBACK_SCSV: +OK", said)
    _, compliance = said.split("COMPLIANCE AGAINST TLS CONFIGURATION")
    found = re.findall(r"^ +\* (\w+): (.*)$", compliance, re.MULTILINE)
    # The test accepts two differences from Mozilla's TLS configuration. First, NGINX also offers the curves secp521r1
    # and X448, which are stronger than those on Mozilla's list. Second, sslyze cannot verify the test's certificate,
    # because no public authority has signed it.
    assert {name for name, _ in found} <= {"tls_curves", "certificate_path_validation"}, found
    curves = re.findall(r"'(\w+)'", dict(found).get("tls_curves", ""))
    assert {*curves} <= {"secp521r1", "X448"}
