"""Tests the program fetch-settings of a PoP machine. The program fetches the machine's secrets, the code of the edge
worker and the program workerd.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import ssl
import subprocess
import tarfile
import threading
import types
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import botocore.endpoint
import pytest
from botocore.exceptions import EndpointConnectionError

from emulation.providers.aws.clients import client
from infra.edge import ShieldNode, shields_binding
from infra.machines.serving import waits_for_its_address
from tests.support import own_pop
from tests.support.certificates import Authority
from tests.support.machine_certificates import issue_certificates
from tests.support.machine_program import load

pytestmark = pytest.mark.usefixtures("aws_cloud")

PROGRAM = Path(__file__).parents[4] / "infra/pop/machine/files/usr/local/sbin/fetch-settings"
WORKER = b"export default {};\n"
PROGRAMS = json.dumps(
    {"serve-things": "#!/bin/sh\n", "module.js": "export default {};\n", "script.lua": "return 0\n"}
).encode()
PROGRAMS_DIGEST = hashlib.sha256(PROGRAMS).hexdigest()
DIGEST = hashlib.sha256(WORKER).hexdigest()
KEYS = own_pop.KEYS
HOSTNAME = "packages.example.com"
HOME, NEAR = "us-east-1", "ap-southeast-1"
SERVING = "/artifact-edge/test/serving/pop-us-east-1-0"


class Machine:
    """Runs the program that fetches a PoP machine's settings. In these tests, the program writes to directories below
    `root`. It downloads the edge worker from the emulated shield `shield`.
    """

    def __init__(self, root: Path, port: int, authority: Authority, shield: own_pop.Shield) -> None:
        self.program: Any = load(PROGRAM)
        self.shield, self.authority = shield, authority
        self.starts = True
        self.controlled: list[tuple[str, ...]] = []
        etc, self.run = root / "etc", root / "run"
        for directory in (etc, self.run):
            directory.mkdir()
        # No process listens on port 9, so the program cannot reach the nearest shield and must ask the second nearest.
        nodes = [ShieldNode("localhost:9", "us-east-1"), ShieldNode(f"localhost:{port}", "eu-west-1")]
        (etc / "shields.json").write_text(shields_binding(nodes))
        (etc / "place.json").write_text('{"latitude": "38.9", "longitude": "-77.4"}')
        (etc / "shield-authority.pem").write_text(authority.certificate)
        self.program.ETC, self.program.RUN = etc, self.run
        self.program.AUTHORITY = etc / "shield-authority.pem"
        self.program.GROUP = None
        self.program.PROGRAMS = self.bin = root / "bin"
        self.bin.mkdir()
        self.program.control = self.control
        self.program.answers = self.answers
        self.write_secrets(authority)
        self.publish(WORKER)
        shield.objects[f"/objects/edge-workers/{PROGRAMS_DIGEST}.json"] = PROGRAMS

    def control(self, *arguments: str) -> int:
        self.controlled.append(arguments)
        return 0

    def answers(self, socket: Path) -> bool:
        return self.starts

    def publish(self, worker: bytes) -> None:
        digest = hashlib.sha256(worker).hexdigest()
        self.shield.objects["/objects/edge-workers/current.json"] = json.dumps({"sha256": digest}).encode()
        self.shield.objects[f"/objects/edge-workers/{digest}.js"] = worker

    def write_secrets(self, authority: Authority) -> None:
        certificate, key = authority.issue("edge")
        values = {
            "edge": {
                "client_certificate": certificate,
                "client_key": key,
                "origin_key": KEYS["ORIGIN_KEY"],
                "token_signing_key": KEYS["TOKEN_SIGNING_KEY"],
            },
            "metadata-api": {"key": KEYS["METADATA_API_KEY"]},
            "purge-signing": {"key": KEYS["PURGE_KEY"]},
        }
        manager = client("secretsmanager", {"region": HOME})
        for name, value in values.items():
            secret, replicas = f"artifact-edge/test/{name}", [{"Region": NEAR}]
            manager.create_secret(Name=secret, SecretString=json.dumps(value), AddReplicaRegions=replicas)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[Machine]:
    workerd = tmp_path / "workerd"
    workerd.write_bytes(b"the program")
    settings = {
        "EDGE_SECRET": "artifact-edge/test/edge",
        "METADATA_API_SECRET": "artifact-edge/test/metadata-api",
        "PURGE_SECRET": "artifact-edge/test/purge-signing",
        "REGIONS": f"{NEAR} {HOME}",
        "HOME_REGION": HOME,
        "SERVING_PARAMETER": SERVING,
        "HOSTNAME": HOSTNAME,
        "PROCESSES": "2",
        "PROGRAMS_SHA256": PROGRAMS_DIGEST,
        "WORKERD_URL": (tmp_path / "workerd.tgz").as_uri(),
        "WORKERD_SHA256": hashlib.sha256(b"the program").hexdigest(),
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    authority, shield = Authority("tests"), own_pop.Shield()
    with own_pop.serving_shield(tmp_path / "shield", authority, shield) as port:
        made = Machine(tmp_path, port, authority, shield)
        made.program.WORKERD = workerd
        yield made


def test_first_run_writes_the_worker_and_its_environment_for_few_readers(machine: Machine) -> None:
    machine.program.update_worker()
    assert (machine.run / "worker.js").read_bytes() == WORKER
    variables = dict(line.split("=", 1) for line in (machine.run / "worker.env").read_text().splitlines())
    assert variables == {**KEYS, "VERSION": DIGEST[:16]}
    for file in machine.run.iterdir():
        assert file.stat().st_mode & 0o007 == 0, file


def test_a_new_worker_restarts_the_processes_one_by_one_and_an_old_one_does_not(machine: Machine) -> None:
    machine.program.update_worker()
    machine.controlled.clear()
    machine.program.update_worker()
    assert machine.controlled == []
    machine.publish(b"export default { changed: true };\n")
    machine.program.update_worker()
    units = [f"artifact-edge-worker@{number}.service" for number in (0, 1)]
    assert machine.controlled == [
        call for unit in units for call in (("is-active", "--quiet", unit), ("restart", unit))
    ]
    assert b"changed" in (machine.run / "worker.js").read_bytes()


def test_a_new_client_certificate_is_in_use_after_a_run_in_which_no_shield_answered(machine: Machine) -> None:
    machine.program.update_worker()
    manager, secret = client("secretsmanager", {"region": HOME}), "artifact-edge/test/edge"
    certificate, key = machine.authority.issue("edge")
    renewed = json.loads(manager.get_secret_value(SecretId=secret)["SecretString"])
    renewed |= {"client_certificate": certificate, "client_key": key}
    manager.put_secret_value(SecretId=secret, SecretString=json.dumps(renewed))
    current = machine.shield.objects.pop("/objects/edge-workers/current.json")
    with pytest.raises(ValueError, match="no shield has the object"):
        machine.program.update_worker()
    machine.shield.objects["/objects/edge-workers/current.json"] = current
    machine.controlled.clear()
    machine.program.update_worker()
    assert [call[1] for call in machine.controlled if call[0] == "restart"] == [
        f"artifact-edge-worker@{number}.service" for number in (0, 1)
    ]


def test_a_worker_that_does_not_start_is_taken_back_before_the_second_process(machine: Machine) -> None:
    machine.program.update_worker()
    machine.controlled.clear()
    machine.publish(b"throw new Error();\n")
    machine.starts = False
    with pytest.raises(ValueError, match=r"artifact-edge-worker@0\.service does not start"):
        machine.program.update_worker()
    assert (machine.run / "worker.js").read_bytes() == WORKER
    assert not any("artifact-edge-worker@1.service" in call for call in machine.controlled)


def test_a_worker_with_another_digest_is_refused(machine: Machine) -> None:
    machine.shield.objects[f"/objects/edge-workers/{DIGEST}.js"] = b"something else"
    with pytest.raises(ValueError, match=f"{DIGEST}.js has another digest"):
        machine.program.update_worker()
    assert not (machine.run / "worker.js").exists()


def test_programs_are_installed_once_and_again_after_the_machine_has_booted(machine: Machine) -> None:
    key = f"/objects/edge-workers/{PROGRAMS_DIGEST}.json"
    machine.program.update_worker()
    machine.program.update_worker()
    assert machine.shield.requests.count(key) == 1
    service = machine.bin / "serve-things"
    assert (service.read_text(), service.stat().st_mode & 0o777) == ("#!/bin/sh\n", 0o755)
    assert (machine.run / "module.js").read_text() == "export default {};\n"
    assert (machine.program.ETC / "script.lua").read_text() == "return 0\n"
    for file in machine.run.iterdir():
        file.unlink()  # a reboot also deletes these files, because /run is in memory
    machine.program.update_worker()
    assert (machine.run / "module.js").exists()


def test_programs_with_another_digest_are_refused(machine: Machine) -> None:
    machine.shield.objects[f"/objects/edge-workers/{PROGRAMS_DIGEST}.json"] = PROGRAMS.replace(
        b"#!/bin/sh", b"#!/bin/no"
    )
    with pytest.raises(ValueError, match=f"{PROGRAMS_DIGEST}.json has another digest"):
        machine.program.update_worker()
    assert list(machine.bin.iterdir()) == []
    assert not (machine.run / "worker.js").exists()


def test_workerd_is_installed_from_its_package_only_with_the_right_digest(machine: Machine, tmp_path: Path) -> None:
    target = machine.program.WORKERD = tmp_path / "bin-workerd"
    with tarfile.open(tmp_path / "workerd.tgz", "w:gz") as package:
        entry = tarfile.TarInfo("package/bin/workerd")
        entry.size = len(b"the program")
        package.addfile(entry, io.BytesIO(b"the program"))
    url, digest = os.environ["WORKERD_URL"], os.environ["WORKERD_SHA256"]
    with pytest.raises(ValueError, match="has another digest than 00"):
        machine.program.install_workerd(url, "00")
    assert not target.exists()
    machine.program.install_workerd(url, digest)
    assert (target.read_bytes(), target.stat().st_mode & 0o777) == (b"the program", 0o755)


def test_all_machines_derive_the_same_ticket_keys_and_change_them_daily(machine: Machine) -> None:
    keys = {machine.program.ticket_key("the client key", period) for period in (1, 1, 2)}
    assert len(keys) == 2
    assert {len(key) for key in keys} == {80}
    assert machine.program.ticket_key("another key", 1) not in keys


NOON = 1_795_000_000 // 86_400 * 86_400 + 43_200


class Outage:
    """Simulates the clock of a machine, and outages of AWS regions. The clock advances only when the test sets it, or
    when botocore pauses. Regions in `down` do not answer. `asked` lists the region of each request to Secrets Manager.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = NOON
        self.down: set[str] = set()
        self.asked: list[str] = []
        send: Any = vars(botocore.endpoint.Endpoint)["_do_get_response"]

        def sent(endpoint: Any, request: Any, operation: Any, context: Any) -> Any:
            service, region = request.url.split("/")[2].split(".")[:2]
            if service == "secretsmanager":
                self.asked.append(region)
            if region in self.down:
                return None, EndpointConnectionError(endpoint_url=request.url)
            return send(endpoint, request, operation, context)

        monkeypatch.setattr(botocore.endpoint.Endpoint, "_do_get_response", sent)
        monkeypatch.setattr(botocore.endpoint, "time", self.clock())

    def clock(self) -> types.SimpleNamespace:
        return types.SimpleNamespace(time=lambda: self.now, sleep=self.skip)

    def skip(self, seconds: float) -> None:
        self.now += seconds


def test_a_machine_reads_its_secrets_in_its_own_region(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    outage = Outage(monkeypatch)
    machine.program.update_worker()
    assert set(outage.asked) == {NEAR}


@pytest.mark.parametrize("region", [NEAR, HOME])
def test_a_new_machine_gets_the_worker_while_one_region_is_down(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, region: str
) -> None:
    outage = Outage(monkeypatch)
    machine.program.time = outage.clock()
    outage.down = {region}
    machine.program.update_worker()
    assert (machine.run / "worker.js").read_bytes() == WORKER


@pytest.mark.parametrize(("region", "other"), [(NEAR, HOME), (HOME, NEAR)])
def test_a_new_machine_gets_a_certificate_while_one_region_is_down(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, region: str, other: str
) -> None:
    parameter = "/artifact-edge/test/pop-certificate"
    issued = issue_certificates(tmp_path / "authority", HOSTNAME, parameter, [HOME, NEAR])
    monkeypatch.setenv("CERTIFICATE_PARAMETER", parameter)
    outage = Outage(monkeypatch)
    machine.program.time = outage.clock()
    outage.down = {region}
    machine.program.update_certificate()
    assert (machine.run / "server.pem").read_text().startswith(issued[other])
    assert machine.controlled == [("reload", "artifact-edge-front.service")]


def test_a_region_without_a_certificate_is_passed_over(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    parameter = "/artifact-edge/test/pop-certificate"
    issued = issue_certificates(tmp_path / "authority", HOSTNAME, parameter, [HOME])
    monkeypatch.setenv("CERTIFICATE_PARAMETER", parameter)
    machine.program.update_certificate()
    assert (machine.run / "server.pem").read_text().startswith(issued[HOME])


def test_a_certificate_whose_key_cannot_be_decrypted_does_not_replace_the_one_in_use(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    parameter = "/artifact-edge/test/pop-certificate"
    issue_certificates(tmp_path / "authority", HOSTNAME, parameter, [NEAR])
    monkeypatch.setenv("CERTIFICATE_PARAMETER", parameter)
    machine.program.EXPORT_AGAIN_SECONDS = -1
    for name in ("server.pem", "server.key"):
        (machine.run / name).write_text("of yesterday")
    monkeypatch.setenv("PATH", "")  # the program does not find openssl
    assert "openssl" in machine.program.failure_of(machine.program.update_certificate)
    assert contents(machine) == {"server.pem": b"of yesterday", "server.key": b"of yesterday"}


def test_a_secret_without_a_replica_in_the_region_is_read_in_the_home_region(machine: Machine) -> None:
    manager = client("secretsmanager", {"region": HOME})
    manager.remove_regions_from_replication(SecretId="artifact-edge/test/edge", RemoveReplicaRegions=[NEAR])
    machine.program.update_worker()
    assert (machine.run / "worker.js").read_bytes() == WORKER


def test_a_machine_keeps_its_settings_for_a_day_without_secrets(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    outage = Outage(monkeypatch)
    machine.program.time = outage.clock()
    for name in ("server.pem", "server.key", "reported"):
        (machine.run / name).write_text("of today")
    os.utime(machine.run / "server.key", (outage.now, outage.now))
    machine.program.main()
    settings = contents(machine)
    machine.controlled.clear()
    outage.down, lost, tickets = {HOME, NEAR}, outage.now, [settings["ticket.key"]]
    while outage.now - lost <= 25 * 3600:
        outage.skip(1800)
        with pytest.raises(SystemExit, match="update_worker: EndpointConnectionError"):
            machine.program.main()
        found = contents(machine)
        assert {name: found[name] for name in found if "ticket" not in name} == {
            name: settings[name] for name in settings if "ticket" not in name
        }
        if found["ticket.key"] != tickets[-1]:
            assert found["previous-ticket.key"] == tickets[-1]
            tickets.append(found["ticket.key"])
    # At midnight, the program writes a new key for TLS session tickets. NGINX then reloads the key. The program must
    # not restart workerd.
    assert len(tickets) == 2
    assert machine.controlled == [("reload", "artifact-edge-front.service")]
    outage.down = set()
    os.utime(machine.run / "server.key", (outage.now, outage.now))
    machine.publish(b"export default { changed: true };\n")
    machine.program.main()
    assert b"changed" in (machine.run / "worker.js").read_bytes()


def contents(machine: Machine) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in machine.run.iterdir()}


def test_private_key_is_decrypted_and_its_passphrase_is_no_argument(machine: Machine) -> None:
    command = ["openssl", "genpkey", "-algorithm", "ed25519"]
    key = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    encrypt = ["openssl", "pkcs8", "-topk8", "-passout", "pass:the-passphrase"]  # words-ok: an option of OpenSSL
    encrypted = subprocess.run(encrypt, input=key, capture_output=True, text=True, check=True).stdout
    assert "ENCRYPTED" in encrypted
    assert machine.program.decrypted(encrypted, "the-passphrase") == key


@contextmanager
def front(machine: Machine, monkeypatch: pytest.MonkeyPatch, status: int, host: str = HOSTNAME) -> Generator[None]:
    """Replaces the machine's NGINX with an HTTPS server that has a certificate for `host`. Also sets the environment
    variable SSL_CERT_FILE, so that the program under test (`machine.program`) trusts the issuer of the certificate.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if (self.path, self.headers["Host"]) == ("/healthz", HOSTNAME) else 404)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    certificate, key = machine.authority.issue(host)
    files = {"trusted.pem": machine.authority.certificate, "front.pem": certificate + key}
    for name, content in files.items():
        (machine.bin / name).write_text(content)
    monkeypatch.setenv("SSL_CERT_FILE", str(machine.bin / "trusted.pem"))
    server = HTTPServer(("127.0.0.1", 0), Handler)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(machine.bin / "front.pem")
    server.socket = tls.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setattr(machine.program, "FRONT", server.server_address)
    monkeypatch.setattr(machine.program, "INSTANCE_ID", machine.bin / "instance-id")
    (machine.bin / "instance-id").write_text("i-0123\n")
    yield
    server.shutdown()
    server.server_close()


def reported() -> list[str]:
    """Returns a list with the instance ID that the machine reported. If there is no report, the list is empty."""
    found = client("ssm", {"region": HOME}).get_parameters_by_path(Path=SERVING.rpartition("/")[0])
    return [each["Value"] for each in found["Parameters"] if each["Name"] == SERVING]


def test_a_machine_reports_its_instance_id_once_it_serves(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    with front(machine, monkeypatch, 200):
        machine.program.report_serving()
        assert reported() == ["i-0123"]
        client("ssm", {"region": HOME}).delete_parameter(Name=SERVING)
        machine.program.report_serving()
        assert reported() == []


@pytest.mark.parametrize(("status", "host"), [(503, HOSTNAME), (200, "elsewhere.example.com")])
def test_a_machine_that_fails_or_presents_another_certificate_does_not_report(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, status: int, host: str
) -> None:
    with front(machine, monkeypatch, status, host):
        machine.program.report_serving()
    assert reported() == []


def test_a_machine_that_no_shield_admits_reports_that_it_waits_for_its_address(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine.program, "INSTANCE_ID", machine.run / "instance-id")
    (machine.run / "instance-id").write_text("i-0123\n")
    machine.program.report_serving()
    assert reported() == []  # The machine lacks its certificate too, which does not come from a shield.
    (machine.run / "server.pem").write_text("certificate")
    machine.program.report_serving()
    assert reported() == [waits_for_its_address("i-0123")]
    monkeypatch.setattr(machine.program, "serves", lambda: True)
    machine.program.report_serving()
    assert reported() == ["i-0123"]


def test_a_machine_with_programs_that_does_not_serve_does_not_report(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine.program, "INSTANCE_ID", machine.run / "instance-id")
    (machine.run / "instance-id").write_text("i-0123\n")
    for name in ("server.pem", "programs"):
        (machine.run / name).write_text("fetched")
    machine.program.report_serving()
    assert reported() == []


def test_a_machine_that_does_not_listen_does_not_report(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine.program, "FRONT", ("127.0.0.1", 9))
    machine.program.report_serving()
    assert reported() == []
