"""Tests the programs of a PoP machine together on loopback: NGINX, workerd, Traffic Server and the tag index, which
finds cached objects by their cache tags.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from infra.waf import Bound, WafArgs
from tests.support.enterable_directory import enterable_directory
from tests.support.own_pop import Answer, OwnPop, running_pop, sign
from tests.support.waiting import eventually

MEGABYTE = 1 << 20


@pytest.fixture(scope="module")
def pop() -> Generator[OwnPop]:
    arguments = WafArgs(failed_tokens=Bound(20, 60))
    with enterable_directory() as directory, running_pop(directory / "pop", arguments) as running:
        yield running


def publish(pop: OwnPop, name: str, size: int = 10_000) -> tuple[str, bytes]:
    """Stores a Python package on the emulated shield (the regional cache behind the PoP). Returns its path at the edge,
    and its content.
    """
    body = os.urandom(size)
    path = f"/pypi/files/{name}/{name}-1.0.tar.gz"
    pop.shield.objects[f"/objects{path}"] = body
    return path, body


def fetches(pop: OwnPop, path: str) -> int:
    """Returns how many requests for a path have reached the emulated shield (the regional cache behind the PoP)."""
    return pop.shield.requests.count(f"/objects{path}")


def logged(pop: OwnPop, path: str, token: str | None = None, **request: Any) -> tuple[Answer, dict[str, Any]]:
    """Sends a request. Returns the response and the request's line in the access log, which NGINX writes after the
    response.
    """
    before = len(pop.log())
    answer = pop.request(path, token, **request)
    assert eventually(lambda: len(pop.log()) > before)
    return answer, pop.log()[-1]


def contents(directory: Path) -> list[bytes]:
    """Returns the contents of all files below a directory, without files that NGINX removes meanwhile."""
    found: list[bytes] = []
    for path in directory.rglob("*"):
        with suppress(FileNotFoundError, IsADirectoryError):
            found.append(path.read_bytes())
    return found


def test_client_needs_a_token_with_a_grant(pop: OwnPop) -> None:
    path, body = publish(pop, "granted")
    pop.entitlements.grant("reader-of-granted", "pypi:granted:pull")
    pop.entitlements.grant("reader-of-others", "pypi:others:pull")
    refused = pop.request(path)
    assert refused.status == 401
    assert refused.headers["www-authenticate"] == 'Basic realm="localhost"'
    assert pop.request(path, "unknown").status == 401
    assert pop.request(path, "reader-of-others").status == 403
    assert fetches(pop, path) == 0
    answer = pop.request(path, "reader-of-granted")
    assert (answer.status, answer.body) == (200, body)
    # The previous request stored the object in L1, the cache of the PoP. The PoP must still refuse a client whose token
    # does not permit reading the package.
    assert pop.request(path, "reader-of-others").status == 403
    assert pop.request(path).status == 401


def test_second_request_is_answered_by_l1_and_the_body_does_not_pass_through_the_worker(pop: OwnPop) -> None:
    path, body = publish(pop, "large", 4 * MEGABYTE)
    pop.entitlements.grant("reader-of-large", "pypi:large:pull")
    first, second = pop.request(path, "reader-of-large"), pop.request(path, "reader-of-large")
    assert [first.headers["x-cache"], second.headers["x-cache"]] == ["origin; miss", "edge; hit"]
    assert first.body == second.body == body
    assert second.headers["cache-control"] == "private, max-age=31536000, immutable"
    assert fetches(pop, path) == 1
    assert eventually(lambda: len([line for line in pop.log() if line["path"] == path]) == 2)
    sent = [line for line in pop.log() if line["path"] == path]
    assert [line["bytes"] for line in sent] == [len(body), len(body)]
    assert all("worker-" not in line["upstream"] for line in sent)
    assert 0 < int(sent[0]["decision_bytes"]) < 1_000


def test_nginx_answers_with_a_small_object_itself_and_still_refuses_clients_without_a_grant(pop: OwnPop) -> None:
    path, body = publish(pop, "small")
    pop.entitlements.grant("reader-of-small", "pypi:small:pull")
    pop.entitlements.grant("reader-of-other-small", "pypi:other-small:pull")

    def is_in_memory() -> bool:
        answer, line = logged(pop, path, "reader-of-small")
        assert (answer.status, answer.body) == (200, body)
        return line["upstream"] == ""

    assert eventually(is_in_memory)
    answer = pop.request(path, "reader-of-small")
    assert answer.headers["x-cache"] == "edge; hit"
    assert answer.headers["cache-control"] == "private, max-age=31536000, immutable"
    assert pop.request(path, "reader-of-other-small").status == 403
    assert pop.request(path, "unknown").status == 401
    assert pop.request(path).status == 401
    head = pop.request(path, "reader-of-small", "HEAD")
    assert (head.status, head.headers["content-length"], head.body) == (200, str(len(body)), b"")
    assert pop.request(path, "reader-of-small", range="bytes=5-9").body == body[5:10]
    assert pop.request(path, "reader-of-small", if_none_match=answer.headers["etag"]).status == 304
    assert pop.request(path, "reader-of-small", if_none_match='"another"').body == body
    stored = contents(Path(pop.directories.run) / "objects")
    assert not [file for file in stored if b"reader-of-small" in file]


def test_nginx_keeps_no_document_that_may_change_and_no_large_object(
    pop: OwnPop, monkeypatch: pytest.MonkeyPatch
) -> None:
    large, _ = publish(pop, "large-and-popular", 2 * MEGABYTE)
    pop.entitlements.grant("reader-of-popular", "pypi:*:pull")
    sent = [logged(pop, large, "reader-of-popular") for _ in range(6)]
    monkeypatch.setattr(pop.shield, "headers", {"cache-control": "public, max-age=5"})
    document, _ = publish(pop, "document")
    sent += [logged(pop, document, "reader-of-popular") for _ in range(6)]
    assert [answer.status for answer, _ in sent] == [200] * 12
    assert all(line["upstream"].startswith("127.0.0.1:") for _, line in sent)


def test_two_seconds_after_an_answer_nginx_uses_neither_its_decision_nor_its_object(pop: OwnPop) -> None:
    path, body = publish(pop, "bounded")
    pop.entitlements.grant("reader-of-bounded", "pypi:bounded:pull")

    def is_remembered() -> bool:
        _, line = logged(pop, path, "reader-of-bounded")
        return (line["decision"], line["upstream"]) == ("HIT", "")

    # NGINX stores the worker's decision to permit a request. It counts the age of a decision in whole seconds. A
    # decision from the start of a second therefore stays valid longest, and the test uses such a decision.
    for _ in range(3):
        time.sleep(1 - time.time() % 1)
        assert eventually(is_remembered)
        time.sleep(2)
        answer, line = logged(pop, path, "reader-of-bounded")
        assert answer.body == body
        assert line["decision"] != "HIT"
        assert line["upstream"].startswith("127.0.0.1:")


def test_the_worker_is_asked_once_for_requests_that_only_it_answers(pop: OwnPop) -> None:
    path, body = publish(pop, "asked-once")
    pop.entitlements.grant("reader-of-asked-once", "pypi:asked-once:pull")
    etag = logged(pop, path, "reader-of-asked-once")[0].headers["etag"]
    sent = [
        logged(pop, path),
        logged(pop, path, "reader-of-asked-once", method="POST", body=b""),
        logged(pop, path, "reader-of-asked-once", if_match=etag),
        logged(pop, "/healthz"),
    ]
    assert [answer.status for answer, _ in sent] == [401, 405, 200, 200]
    assert sent[2][0].body == body
    assert [line["decision"] for _, line in sent] == [""] * 4
    assert all(line["upstream"].startswith("unix:") and "," not in line["upstream"] for _, line in sent)


def test_a_request_body_that_the_worker_does_not_read_fails_no_request(pop: OwnPop) -> None:
    """If the worker does not read the body of a request, workerd closes the connection after the request. NGINX must
    not answer 502 to the client that sent the body. NGINX must also continue to use the worker's processes for other
    clients.
    """
    path, body = publish(pop, "read-beside-bodies")
    pop.entitlements.grant("reader-beside-bodies", "pypi:read-beside-bodies:pull")

    def post(number: int) -> int:
        audit = "/npm/-/npm/v1/security/advisories/bulk"
        return pop.request(audit, method="POST", body=bytes(20_000), client=f"127.62.1.{number}").status

    def post_form(number: int) -> int:
        form = {"content_type": "application/x-www-form-urlencoded"}
        return pop.request("/unknown", method="POST", body=b"x" * 200_000, client=f"127.62.2.{number}", **form).status

    with ThreadPoolExecutor(4) as clients:
        assert set(clients.map(post, range(1, 101))) == {404}
        # NGINX passes the body of a form to the worker at every path, because the worker's token endpoint reads forms.
        # At other paths, the worker does not read the body. The client that sent the form can then get 502, but the
        # requests of other clients must still succeed.
        assert set(clients.map(post_form, range(1, 21))) <= {404, 502}
    assert {pop.request("/healthz").status for _ in range(10)} == {200}
    assert pop.request(path, "reader-beside-bodies", body=b"a body").body == body


def test_l1_answers_ranges_and_head_and_validators(pop: OwnPop) -> None:
    path, body = publish(pop, "ranges", MEGABYTE)
    pop.entitlements.grant("reader-of-ranges", "pypi:ranges:pull")
    head = pop.request(path, "reader-of-ranges", "HEAD")
    assert (head.status, head.headers["content-length"], head.body) == (200, str(MEGABYTE), b"")

    # While L1 (the PoP's cache) is still receiving the object, it can answer a range request with the whole object. It
    # can also request the object from the shield again. The test waits until L1 answers with only the range, and
    # without a request to the shield.
    def is_stored() -> bool:
        before = fetches(pop, path)
        answer = pop.request(path, "reader-of-ranges", range="bytes=-100")
        return answer.status == 206 and fetches(pop, path) == before

    assert eventually(is_stored)
    fetched = fetches(pop, path)
    suffix = pop.request(path, "reader-of-ranges", range="bytes=-100")
    assert (suffix.status, suffix.body) == (206, body[-100:])
    assert suffix.headers["content-range"] == f"bytes {MEGABYTE - 100}-{MEGABYTE - 1}/{MEGABYTE}"
    assert pop.request(path, "reader-of-ranges", range="bytes=5-9").body == body[5:10]
    beyond = pop.request(path, "reader-of-ranges", range=f"bytes={MEGABYTE}-")
    assert (beyond.status, beyond.headers["content-range"]) == (416, f"bytes */{MEGABYTE}")
    several = pop.request(path, "reader-of-ranges", range="bytes=0-1,5-6")
    assert (several.status, several.body) == (200, body)
    etag = head.headers["etag"]
    assert pop.request(path, "reader-of-ranges", if_none_match=etag).status == 304
    assert pop.request(path, "reader-of-ranges", if_match='"another"').status == 412
    assert pop.request(path, "reader-of-ranges", range="bytes=5-9", if_range=etag).body == body[5:10]
    assert pop.request(path, "reader-of-ranges", range="bytes=5-9", if_range='"another"').body == body
    assert fetches(pop, path) == fetched


def test_a_range_is_its_bytes_although_l1_sends_the_whole_object(pop: OwnPop, monkeypatch: pytest.MonkeyPatch) -> None:
    path, body = publish(pop, "stale-ranges", MEGABYTE)
    pop.entitlements.grant("reader-of-stale-ranges", "pypi:stale-ranges:pull")
    monkeypatch.setattr(pop.shield, "headers", {"cache-control": "public, max-age=0"})
    assert pop.request(path, "reader-of-stale-ranges").body == body
    part = pop.request(path, "reader-of-stale-ranges", range="bytes=700000-700099")
    assert (part.status, part.body) == (206, body[700_000:700_100])
    assert part.headers["content-range"] == f"bytes 700000-700099/{MEGABYTE}"
    beyond = pop.request(path, "reader-of-stale-ranges", range=f"bytes={MEGABYTE}-")
    assert (beyond.status, beyond.headers["content-range"]) == (416, f"bytes */{MEGABYTE}")
    several = pop.request(path, "reader-of-stale-ranges", range="bytes=0-1,5-6")
    assert (several.status, several.body) == (200, body)
    head = pop.request(path, "reader-of-stale-ranges", "HEAD", range="bytes=0-1")
    assert (head.status, head.headers["content-length"]) == (200, str(MEGABYTE))


def test_withdrawn_object_is_refused_although_l1_has_it(pop: OwnPop) -> None:
    path, body = publish(pop, "withdrawn")
    pop.entitlements.grant("reader-of-withdrawn", "pypi:withdrawn:pull")
    assert pop.request(path, "reader-of-withdrawn").body == body
    pop.entitlements.withdraw(path[1:])

    # The PoP runs the worker in two processes, which read the list of withdrawals at different times. For a moment, one
    # of them may still serve the object.
    def is_refused() -> bool:
        answer = pop.request(path, "reader-of-withdrawn")
        return answer.status == 410 and b"this was withdrawn" in answer.body

    assert eventually(is_refused)
    pop.entitlements.withdraw()


def test_purge_by_key_and_by_package_removes_objects_from_l1(pop: OwnPop) -> None:
    path, _ = publish(pop, "purged")
    pop.entitlements.grant("reader-of-purged", "pypi:purged:pull")
    for number, request in enumerate((f'{{"keys": ["{path[1:]}"]}}', '{"packages": ["pypi:purged"]}')):
        pop.request(path, "reader-of-purged")
        assert pop.request(path, "reader-of-purged").headers["x-cache"] == "edge; hit"
        _, changed = publish(pop, "purged")
        unsigned = pop.request("/-/purge", method="POST", body=request.encode())
        assert unsigned.status == 403
        assert pop.request(path, "reader-of-purged").headers["x-cache"] == "edge; hit"
        signed = {"x_artifact_edge_signature": sign(request.encode())}
        assert pop.request("/-/purge", method="POST", body=request.encode(), **signed).status == 200
        assert eventually(lambda body=changed: pop.request(path, "reader-of-purged").body == body)
        assert fetches(pop, path) == number + 2


def test_decision_is_remembered_for_one_credential_and_one_path_only(pop: OwnPop) -> None:
    path, _ = publish(pop, "remembered")
    other, _ = publish(pop, "unremembered")
    pop.entitlements.grant("reader-of-remembered", "pypi:remembered:pull")

    def is_remembered() -> bool:
        answer, line = logged(pop, path, "reader-of-remembered")
        assert answer.status == 200
        return line["decision"] == "HIT"

    assert eventually(is_remembered)
    assert pop.request(other, "reader-of-remembered").status == 403
    assert pop.request(path, "another-token").status == 401
    assert pop.request(path).status == 401
    assert pop.request(path, "reader-of-remembered", "POST", b"").status == 405


def test_refusal_is_not_remembered_and_revocation_ends_a_remembered_decision(pop: OwnPop) -> None:
    path, _ = publish(pop, "revoked")
    pop.entitlements.grant("reader-of-revoked")
    assert [pop.request(path, "reader-of-revoked").status for _ in range(2)] == [403, 403]
    assert {line["decision"] for line in pop.log() if line["path"] == path} == {"MISS"}
    pop.entitlements.grant("reader-of-revoked", "pypi:revoked:pull")
    assert eventually(lambda: pop.request(path, "reader-of-revoked").status == 200)
    pop.entitlements.grant("reader-of-revoked")
    assert eventually(lambda: pop.request(path, "reader-of-revoked").status == 403)


def test_a_blocked_network_cannot_use_a_permission_that_nginx_remembers(pop: OwnPop) -> None:
    path, body = publish(pop, "shared")
    pop.entitlements.grant("shared-token", "pypi:shared:pull")
    neighbour, blocked = "127.62.3.1", "127.62.4.1"

    def put_in_force(policy: str) -> None:
        digest = hashlib.sha256(policy.encode()).hexdigest()
        pop.shield.objects[f"/objects/edge-policies/{digest}.json"] = policy.encode()
        pop.entitlements.entries["edge-policy"] = json.dumps({"version": 1, "policies": [digest]}).encode()

    def is_remembered() -> bool:
        answer, line = logged(pop, path, "shared-token", client=neighbour)
        assert (answer.status, answer.body) == (200, body)
        return line["decision"] == "HIT"

    def is_served(client: str) -> bool:
        return pop.request(path, "shared-token", client=client).status == 200

    assert eventually(is_remembered)
    assert is_served(blocked)
    put_in_force('{"format":1,"rules":[],"blocked":["127.62.4.0/24"]}')
    # The PoP runs the worker in two processes, which read the policy at different times. NGINX uses a permission that
    # it remembers for up to 2 s.
    assert eventually(lambda: not any(is_served(blocked) for _ in range(5)))
    time.sleep(2)
    # The neighbour has the same token. Its requests must not leave a permission for the blocked network.
    for _ in range(10):
        assert not is_remembered()
        refused = pop.request(path, "shared-token", client=blocked)
        assert (refused.status, refused.body) == (403, b"blocked-address: requests from this network are blocked\n")
        assert refused.headers["cache-control"] == "no-store"
    _, line = logged(pop, path, "shared-token", client=blocked)
    assert (line["status"], line["rule"], line["client"]) == ("403", "blocked-address", blocked)
    pop.entitlements.grant("token-of-nothing")
    _, line = logged(pop, path, "token-of-nothing", client=neighbour)
    assert (line["status"], line["rule"], line["client"]) == ("403", "", "")
    assert pop.request("/healthz", client=blocked).status == 200
    assert pop.request(path, client=blocked).status == 401

    put_in_force('{"format":1,"rules":[]}')
    assert eventually(lambda: all(is_served(blocked) for _ in range(5)))
    assert eventually(is_remembered)


def test_memory_of_decisions_contains_no_credential(pop: OwnPop) -> None:
    path, _ = publish(pop, "secret")
    pop.entitlements.grant("a-secret-token", "pypi:secret:pull")

    def remembered() -> bytes:
        pop.request(path, "a-secret-token")
        return b"".join(contents(Path(pop.directories.run) / "decisions"))

    digest = hashlib.sha1(b"Bearer a-secret-token", usedforsecurity=False).hexdigest().encode()
    assert eventually(lambda: digest in remembered())
    assert b"a-secret-token" not in remembered()


def test_pop_refuses_all_clients_without_entitlements_and_without_a_worker() -> None:
    with enterable_directory() as directory, running_pop(directory / "pop") as pop:
        path, _ = publish(pop, "closed")
        pop.entitlements.grant("reader-of-closed", "pypi:closed:pull")
        assert pop.request(path, "reader-of-closed").status == 200
        pop.entitlements.works = False
        assert eventually(lambda: pop.request(path, "reader-of-closed").status == 503)
        pop.entitlements.works = True
        assert eventually(lambda: pop.request(path, "reader-of-closed").status == 200)
        pop.kill_workers()
        assert eventually(lambda: pop.request(path, "reader-of-closed").status == 502)


def test_a_pop_without_l1_is_unhealthy_because_no_object_reaches_a_client() -> None:
    with enterable_directory() as directory, running_pop(directory / "pop") as pop:
        path, _ = publish(pop, "cached")
        pop.entitlements.grant("reader-of-cached", "pypi:cached:pull")
        assert pop.request(path, "reader-of-cached").status == 200
        healthy = pop.request("/healthz")
        assert (healthy.status, healthy.body) == (200, b"ok\n")
        pop.kill_l1()
        assert eventually(lambda: pop.request("/healthz").status == 503)
        assert pop.request(path, "reader-of-cached").status >= 500


def test_credential_stuffing_is_slowed_and_a_valid_token_from_the_same_address_is_served(pop: OwnPop) -> None:
    path, body = publish(pop, "stuffed")
    pop.entitlements.grant("reader-of-stuffed", "pypi:stuffed:pull")
    address = "127.62.0.9"
    # The client states a false IP address in a header of each request. The PoP must ignore this header.
    answers = [
        pop.request(path, f"guess-{number}", client=address, cf_connecting_ip=f"192.0.2.{number}")
        for number in range(60)
    ]
    assert [answer.status for answer in answers[:20]] == [401] * 20
    slowed = [answer for answer in answers if answer.status == 429]
    assert slowed
    assert {(answer.headers["retry-after"], answer.status) for answer in slowed} == {("60", 429)}
    assert pop.request(path, "reader-of-stuffed", client=address).body == body
    assert pop.request(path, client=address).status == 401
    assert pop.request(path, "a-guess", client="127.62.0.10").status == 401
    assert "failed-tokens" in {line["rule"] for line in pop.log() if line["client"] == address}


def test_part_of_a_packument_comes_from_the_worker(pop: OwnPop) -> None:
    key = f"/objects/npm/{quote('@acme/web', safe='')}"
    document = b'{"name":"web","dist-tags":{"latest":"1.0.0"},"versions":{"1.0.0":{"name":"web","version":"1.0.0"}}}'
    pop.entitlements.grant("reader-of-web", "npm:web:pull")
    pop.shield.objects["/objects/npm/web/packument.json"] = document
    answer = pop.request("/npm/web/latest", "reader-of-web")
    assert key not in pop.shield.requests
    assert answer.status == 200, (answer, pop.shield.requests)
    assert answer.body == b'{"name":"web","version":"1.0.0"}'


def test_client_resumes_its_tls_session_and_old_tls_is_refused(pop: OwnPop) -> None:
    context = ssl.create_default_context(cafile=str(pop.authority))
    # With TLS 1.3, a client gets a session ticket only when it reads from the connection. This test reads nothing, so
    # it uses TLS 1.2.
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with (
        socket.create_connection(("127.0.0.1", pop.port)) as raw,
        context.wrap_socket(raw, server_hostname="localhost") as tls,
    ):
        session = tls.session
    with (
        socket.create_connection(("127.0.0.1", pop.port)) as raw,
        context.wrap_socket(raw, server_hostname="localhost", session=session) as tls,
    ):
        assert tls.session_reused
    # The client offers at most TLS 1.1. OpenSSL permits this version only at its security level 0.
    offer = ["-tls1_1", "-cipher", "DEFAULT:@SECLEVEL=0", "-connect", f"127.0.0.1:{pop.port}"]
    refused = subprocess.run(
        ["openssl", "s_client", *offer], stdin=subprocess.DEVNULL, capture_output=True, check=False
    )
    assert b"alert protocol version" in refused.stderr
    assert b"BEGIN CERTIFICATE" not in refused.stdout


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
def test_http2_client_gets_the_same_object(pop: OwnPop, tmp_path: Path) -> None:
    path, body = publish(pop, "http2", MEGABYTE)
    pop.entitlements.grant("reader-of-http2", "pypi:http2:pull")
    for name in ("first", "second"):
        command = ["curl", "--silent", "--http2", "--cacert", str(pop.authority), "--output", str(tmp_path / name)]
        command += ["--write-out", "%{http_version} %{http_code}", "--header", "Authorization: Bearer reader-of-http2"]
        result = subprocess.run(
            [*command, f"https://localhost:{pop.port}{path}"], capture_output=True, text=True, check=True
        )
        assert result.stdout == "2 200"
        assert (tmp_path / name).read_bytes() == body
