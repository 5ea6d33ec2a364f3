"""Tests how a shield machine (a regional cache) fetches its secrets while services of some AWS regions are down."""

from __future__ import annotations

import os

import pytest

from emulation.providers.aws.clients import client
from tests.support.fetch_secrets import HOME, NEAR, SECRET, SERVING, Machine
from tests.support.machine_certificates import issue_certificates

pytestmark = pytest.mark.usefixtures("aws_cloud")


def test_a_machine_asks_only_the_nearest_region(machine: Machine) -> None:
    machine.program.main()
    assert machine.asked == [f"sts.{NEAR}.amazonaws.com", f"secretsmanager.{NEAR}.amazonaws.com"]
    files = machine.files()
    assert (files["client_ca.pem"], files["origin_key"]) == ("the authority", "the key")
    assert "session_token=" in files["s3_auth.config"]
    assert int(files["origin_credentials_expiry"]) > 0


@pytest.mark.parametrize("region", [NEAR, HOME])
def test_a_new_machine_starts_while_one_region_is_down(machine: Machine, region: str) -> None:
    machine.down = {f"{service}.{region}.amazonaws.com" for service in ("sts", "secretsmanager")}
    machine.program.main()
    assert machine.files()["origin_key"] == "the key"


def test_a_region_without_a_replica_is_passed_over(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_REGIONS", f"us-west-2,{HOME}")
    machine.program.main()
    assert machine.files()["origin_key"] == "the key"


def test_origin_credentials_are_renewed_while_no_region_gives_the_secret(machine: Machine) -> None:
    machine.program.main()
    (machine.run / "s3_auth.config").write_text("old")
    machine.down = {f"secretsmanager.{region}.amazonaws.com" for region in (NEAR, HOME)}
    machine.program.main()
    assert "session_token=" in machine.files()["s3_auth.config"]
    assert machine.files()["origin_key"] == "the key"


def test_the_token_for_cloud_storage_is_renewed_while_aws_gives_no_credentials(machine: Machine) -> None:
    (machine.run / "bearer.lua").touch()
    machine.program.main()
    (machine.run / "gcs_token").write_text("old")
    machine.down = {f"sts.{region}.amazonaws.com" for region in (NEAR, HOME)}
    machine.program.main()
    assert machine.files()["gcs_token"] == "google\n"


def test_a_certificate_is_kept_while_it_cannot_be_exported_again(machine: Machine) -> None:
    machine.program.EXPORT_AGAIN_SECONDS = -1
    machine.down = {f"ssm.{region}.amazonaws.com" for region in (HOME, NEAR)}
    machine.program.main()
    assert machine.files()["server_key.pem"] == "of today"


@pytest.mark.parametrize(("region", "other"), [(HOME, NEAR), (NEAR, HOME)])
def test_a_new_machine_gets_a_certificate_while_one_region_is_down(
    machine: Machine, tmp_path_factory: pytest.TempPathFactory, region: str, other: str
) -> None:
    directory, parameter = tmp_path_factory.mktemp("authority"), os.environ["CERTIFICATE_PARAMETER"]
    issued = issue_certificates(directory, "*.shield.example.com", parameter, [HOME, NEAR])
    for name in ("server_certificate.pem", "server_key.pem"):
        (machine.run / name).unlink()
    machine.down = {f"{service}.{region}.amazonaws.com" for service in ("sts", "secretsmanager", "ssm", "acm")}
    machine.program.main()
    assert machine.files()["server_certificate.pem"].startswith(issued[other])
    assert machine.files()["server_key.pem"].startswith("-----BEGIN")


def test_a_certificate_whose_key_cannot_be_decrypted_does_not_replace_the_one_in_use(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    directory, parameter = tmp_path_factory.mktemp("authority"), os.environ["CERTIFICATE_PARAMETER"]
    issue_certificates(directory, "*.shield.example.com", parameter, [HOME])
    machine.program.EXPORT_AGAIN_SECONDS = -1
    monkeypatch.setenv("PATH", "")  # the program does not find openssl
    machine.program.main()
    assert machine.files()["server_certificate.pem"] == "of today"
    assert machine.files()["server_key.pem"] == "of today"


def test_a_new_machine_does_not_start_without_its_secret(machine: Machine) -> None:
    machine.down = {f"secretsmanager.{region}.amazonaws.com" for region in (NEAR, HOME)}
    with pytest.raises(SystemExit, match=r"client_ca\.pem, origin_key are missing"):
        machine.program.main()


def test_a_machine_whose_secret_was_deleted_does_not_start_with_the_old_one(machine: Machine) -> None:
    machine.program.main()
    manager = client("secretsmanager", {"region": HOME})
    manager.remove_regions_from_replication(SecretId=SECRET, RemoveReplicaRegions=[NEAR])
    manager.delete_secret(SecretId=SECRET, ForceDeleteWithoutRecovery=True)
    with pytest.raises(SystemExit, match="ResourceNotFoundException"):
        machine.program.main()


def reported() -> list[str]:
    """Returns a list with the instance ID that the machine reported. If there is no report, the list is empty."""
    found = client("ssm", {"region": HOME}).get_parameters_by_path(Path="/artifact-edge/test/serving")["Parameters"]
    return [each["Value"] for each in found if each["Name"] == SERVING]


def test_a_machine_reports_its_instance_id_once_it_is_healthy(machine: Machine) -> None:
    machine.program.main()
    assert reported() == []
    (machine.run / "healthz").touch()
    machine.program.main()
    assert reported() == ["1234567890"]
    machine.asked.clear()
    machine.program.main()
    assert f"ssm.{HOME}.amazonaws.com" not in machine.asked


def test_a_machine_that_cannot_report_serves_and_reports_later(machine: Machine) -> None:
    (machine.run / "healthz").touch()
    machine.down = {f"ssm.{HOME}.amazonaws.com"}
    machine.program.main()
    assert machine.files()["origin_key"] == "the key"
    machine.down = set()
    machine.program.main()
    assert reported() == ["1234567890"]


def test_a_machine_that_may_not_report_starts_nevertheless(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    (machine.run / "healthz").touch()
    monkeypatch.setenv("SERVING_PARAMETER", "/aws/reserved")  # Parameter Store refuses names that begin with `/aws`.
    machine.program.main()
    assert machine.files()["origin_key"] == "the key"
