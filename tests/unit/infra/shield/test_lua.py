"""Tests the Lua scripts of a shield (a regional cache). The tests check which clients the scripts admit, which headers
they forward, and what they report in responses.
"""

from __future__ import annotations

from pathlib import Path

import pytest

import infra.shield as shield_package
from contract.shields import HEALTH_PORT
from tests.support.tslua import Lookup, Script

FILES = Path(shield_package.__file__).parent / "machine" / "files" / "etc" / "artifact-edge"
KEY = "the-origin-key"
EDGE = {"Host": "us-east-1-0.shield.test:8443", "X-Artifact-Edge-Key": KEY}
BLOB = "/objects/pypi/files/a/a-1.0.tar.gz"


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """Returns a temporary directory that takes the place of a shield machine's root directory. A shield is a regional
    cache. The directory contains the secrets that the program fetch-secrets writes on a real machine.
    """
    secrets = tmp_path / "run" / "artifact-edge"
    secrets.mkdir(parents=True)
    (secrets / "origin_key").write_text(f"{KEY}\n")
    (secrets / "gcs_token").write_text("ya29.first\n")
    return tmp_path


@pytest.fixture
def shield(machine: Path) -> Script:
    return Script(FILES / "shield.lua", machine)


@pytest.mark.parametrize("method", ["GET", "HEAD", "PURGE"])
def test_the_edge_is_admitted_with_the_key(shield: Script, method: str) -> None:
    request = shield.request(EDGE, method=method, uri=BLOB)
    assert request.refusal is None
    assert request.client_request.uri == BLOB


@pytest.mark.parametrize("headers", [{}, {"X-Artifact-Edge-Key": ""}, {"X-Artifact-Edge-Key": "another"}])
def test_a_wrong_key_is_refused_with_403(shield: Script, headers: dict[str, str]) -> None:
    assert shield.request(headers).refusal == (403, "not from the edge\n")


@pytest.mark.parametrize("port", [HEALTH_PORT, 9001])
def test_ports_that_are_not_the_edge_s_have_no_objects_even_with_the_key(shield: Script, port: int) -> None:
    assert shield.request(EDGE, port=port).refusal == (404, "not found\n")


def test_other_methods_are_refused_with_405(shield: Script) -> None:
    assert shield.request(EDGE, method="PUT").refusal == (405, "method not allowed\n")


@pytest.mark.parametrize("body", [{"Content-Length": "3"}, {"Transfer-Encoding": "chunked"}])
def test_a_request_with_a_body_is_refused_with_400(shield: Script, body: dict[str, str]) -> None:
    assert shield.request({**EDGE, **body}).refusal == (400, "a body is not allowed\n")


@pytest.mark.parametrize("uri", ["/objects/", "/objects/npm/", "/objects/%2F", "/objects//", "/", ""])
def test_a_request_without_an_object_s_key_is_refused_so_that_no_bucket_is_listed(shield: Script, uri: str) -> None:
    assert shield.request(EDGE, uri=uri).refusal == (404, "no object\n")


def test_a_key_longer_than_the_1024_bytes_that_origins_accept_is_refused(shield: Script) -> None:
    longest = f"npm/%40{'a' * 1019}"
    assert shield.request(EDGE, uri=f"/objects/{longest}").refusal is None
    assert shield.request(EDGE, uri=f"/objects/{longest}a").refusal == (404, "no object\n")


def test_a_request_that_declares_an_empty_body_is_admitted(shield: Script) -> None:
    assert shield.request({**EDGE, "Content-Length": "0"}, uri=BLOB).refusal is None


@pytest.mark.parametrize("content", [None, ""])
def test_a_machine_without_a_key_refuses_everyone_and_logs_why(
    machine: Path, shield: Script, content: str | None
) -> None:
    key = machine / "run" / "artifact-edge" / "origin_key"
    key.unlink()
    if content is not None:
        key.write_text(content)
    request = shield.request({"X-Artifact-Edge-Key": ""})
    assert request.refusal == (500, "shield is not configured\n")
    assert len(shield.errors) == 1 and shield.errors[0].startswith("shield.lua: ")
    assert "X-Cache" not in request.send_response(200, "HIT_FRESH")


def test_a_range_is_ignored_only_if_the_stored_copy_is_stale(shield: Script) -> None:
    sent = {**EDGE, "Range": "bytes=0-9"}
    assert "Range" not in shield.request(sent, uri=BLOB).look_up("HIT_STALE")
    for lookup in ("MISS", "HIT_FRESH"):
        assert shield.request(sent, uri=BLOB).look_up(lookup)["Range"] == "bytes=0-9"


def test_a_new_key_counts_within_two_seconds_without_a_reload(machine: Path, shield: Script) -> None:
    assert shield.request(EDGE, uri=BLOB).refusal is None
    (machine / "run" / "artifact-edge" / "origin_key").write_text("rotated\n")
    shield.now += 2
    assert shield.request(EDGE).refusal == (403, "not from the edge\n")
    assert shield.request({"X-Artifact-Edge-Key": "rotated"}, uri=BLOB).refusal is None


def test_the_key_and_the_client_s_headers_are_removed(shield: Script) -> None:
    passed = {"Range": "bytes=0-9", "If-None-Match": '"a"', "If-Modified-Since": "Thu, 01 Jan 2026 00:00:00 GMT"}
    sent = {**EDGE, **passed, "Authorization": "Bearer ae_x", "Cookie": "a=b", "X-Forwarded-For": "192.0.2.1"}
    request = shield.request(sent, uri=BLOB)
    assert request.client_request.headers.all() == {"Host": EDGE["Host"], **passed}


@pytest.mark.parametrize("install", ["0123456789abcdef0123456789abcdef", "prefetch"])
def test_the_id_of_an_install_stays_for_the_access_log_and_does_not_reach_an_origin(
    shield: Script, install: str
) -> None:
    request = shield.request({**EDGE, "X-Artifact-Edge-Install": install}, uri=BLOB)
    assert request.client_request.headers["X-Artifact-Edge-Install"] == install
    assert request.send_request("MISS") == {"Host": EDGE["Host"]}


@pytest.mark.parametrize("install", ["", "alice", "0123456789abcdef", '0123456789abcdef0123456789abcde"', "PREFETCH"])
def test_another_text_in_place_of_the_id_is_removed(shield: Script, install: str) -> None:
    request = shield.request({**EDGE, "X-Artifact-Edge-Install": install}, uri=BLOB)
    assert request.client_request.headers.all() == {"Host": EDGE["Host"]}


def test_a_refused_request_leaves_no_id_in_the_access_log(shield: Script) -> None:
    request = shield.request({"X-Artifact-Edge-Key": "another", "X-Artifact-Edge-Install": "prefetch"}, uri=BLOB)
    assert request.client_request.headers.all() == {}


@pytest.mark.parametrize(
    ("spelt", "canonical"),
    [
        ("/objects/npm/@acme/web", "/objects/npm/%40acme/web"),
        ("/objects/npm/%40acme%2Fweb", "/objects/npm/%40acme/web"),
        ("/objects/pypi/files/a/%61-1.0+local.whl", "/objects/pypi/files/a/a-1.0%2Blocal.whl"),
        ("/objects/%c3%a9", "/objects/%C3%A9"),
    ],
)
def test_each_spelling_of_a_key_becomes_one_cache_key(shield: Script, spelt: str, canonical: str) -> None:
    request = shield.request(EDGE, uri=spelt).client_request
    assert (request.uri, request.arguments) == (canonical, "")


@pytest.mark.parametrize("lookup", ["MISS", "HIT_STALE"])
def test_a_miss_requests_the_whole_object_from_the_origin(shield: Script, lookup: Lookup) -> None:
    request = shield.request({**EDGE, "Range": "bytes=0-9"}, uri=BLOB)
    assert "Range" not in request.send_request(lookup)


def test_a_range_ahead_of_a_fill_passes_to_the_origin_as_a_range(shield: Script) -> None:
    request = shield.request({**EDGE, "Range": "bytes=0-9"}, uri=BLOB)
    assert request.send_request("HIT_FRESH")["Range"] == "bytes=0-9"


@pytest.mark.parametrize(
    ("lookup", "origin", "verdict"),
    [
        ("MISS", 200, "origin; miss"),
        ("HIT_FRESH", None, "shield; hit"),
        ("HIT_FRESH", 206, "origin; miss"),
        ("HIT_STALE", 200, "origin; miss"),
        ("HIT_STALE", 304, "shield; hit"),
        ("HIT_STALE", 503, "shield; stale"),
        ("HIT_STALE", None, "shield; stale"),
        ("SKIPPED", None, "origin; miss"),
    ],
)
def test_x_cache_names_the_store_that_the_body_came_from(
    shield: Script, lookup: Lookup, origin: int | None, verdict: str
) -> None:
    request = shield.request(EDGE, uri=BLOB)
    if origin is not None:
        request.read_response(origin)
    shield.now += 0.25
    assert request.send_response(200, lookup) == {"Server-Timing": "shield;dur=250", "X-Cache": verdict}


def test_an_error_has_no_x_cache(shield: Script) -> None:
    assert "X-Cache" not in shield.request(EDGE).send_response(404, "MISS")
    assert "X-Cache" not in shield.request({}).send_response(403, "MISS")


@pytest.fixture
def origin(machine: Path) -> Script:
    return Script(FILES / "origin.lua", machine)


def test_an_origin_s_own_headers_do_not_reach_the_cache(origin: Script) -> None:
    passed = {"ETag": '"a"', "Content-Type": "text/html", "Cache-Control": "public, max-age=5", "Content-Length": "3"}
    own = {"Server": "AmazonS3", "x-amz-request-id": "1", "x-amz-version-id": "2", "x-amz-meta-sha256": "3"}
    assert origin.request().read_response(200, {**passed, **own}).headers.all() == passed


@pytest.mark.parametrize("prefix", ["x-amz-meta-", "x-goog-meta-"])
def test_both_clouds_metadata_arrives_under_s3_s_names(origin: Script, prefix: str) -> None:
    names = ("digest", "published", "revision", "next", "sha256")
    sent = {f"{prefix}{name}": str(number) for number, name in enumerate(names)}
    answer = origin.request().read_response(200, sent)
    passed = {f"x-amz-meta-{name}": str(number) for number, name in enumerate(names) if name != "sha256"}
    assert answer.headers.all() == passed


@pytest.mark.parametrize("status", [403, 404, 503])
def test_an_origin_s_refusal_is_never_stored(origin: Script, status: int) -> None:
    answer = origin.request().read_response(status, {"Cache-Control": "public, max-age=31536000"})
    assert (answer.status, answer.headers.all()) == (status, {"Cache-Control": "no-store"})


# The statuses with which an origin rejects the machine's credentials: S3 answers 400 if they have expired, and Cloud
# Storage answers 401 if the access token is invalid.
@pytest.mark.parametrize("status", [400, 401])
def test_rejected_credentials_of_the_machine_become_502_so_that_the_next_origin_is_tried(
    origin: Script, status: int
) -> None:
    answer = origin.request().read_response(status, {"WWW-Authenticate": "Bearer"})
    assert (answer.status, answer.headers.all()) == (502, {"Cache-Control": "no-store"})


@pytest.fixture
def bearer(machine: Path) -> Script:
    return Script(FILES / "bearer.lua", machine)


def test_only_the_request_to_the_origin_has_the_token(bearer: Script) -> None:
    request = bearer.request({"Host": "blobs.storage.googleapis.com"})
    assert request.send_request("MISS")["Authorization"] == "Bearer ya29.first"
    assert "Authorization" not in request.client_request.headers.all()


def test_a_new_token_counts_within_two_seconds_without_a_reload(machine: Path, bearer: Script) -> None:
    bearer.request().send_request("MISS")
    (machine / "run" / "artifact-edge" / "gcs_token").write_text("ya29.second\n")
    bearer.now += 2
    assert bearer.request().send_request("MISS")["Authorization"] == "Bearer ya29.second"


@pytest.mark.parametrize("content", [None, ""])
def test_without_a_token_the_request_has_no_authorization(machine: Path, bearer: Script, content: str | None) -> None:
    token = machine / "run" / "artifact-edge" / "gcs_token"
    token.unlink()
    if content is not None:
        token.write_text(content)
    assert "Authorization" not in bearer.request().send_request("MISS", {"Authorization": "Bearer stale"})


def test_a_script_that_calls_what_tslua_does_not_have_fails(machine: Path, tmp_path: Path) -> None:
    script = tmp_path / "unknown.lua"
    script.write_text("function do_remap() ts.client_request.set_header('a') return 0 end")
    with pytest.raises(AttributeError, match="set_header"):
        Script(script, machine).request()
    script.write_text("function do_remap() ts.hook(TS_LUA_HOOK_SEND_RESPONSE, print) return 0 end")
    with pytest.raises(Exception, match="unknown global TS_LUA_HOOK_SEND_RESPONSE"):
        Script(script, machine).request()
