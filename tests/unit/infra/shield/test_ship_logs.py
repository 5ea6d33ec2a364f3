"""Tests the program with which a shield machine (a regional cache) copies its access log to S3."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from botocore.exceptions import EndpointConnectionError

from contract.shields import EDGE_PORT
from emulation.providers.aws.clients import client
from registry.co_downloads.training import Training
from stacks.config import StackConfig
from tests.support.machine_program import load

pytestmark = pytest.mark.usefixtures("aws_cloud")

PROGRAM = Path(__file__).parents[4] / "infra/shield/machine/files/usr/local/sbin/ship-logs"
DOCUMENTED = Path(__file__).parents[4] / "docs/access-logs.md"
BUCKET = "artifact-edge-test-example-logs-us-east-1"
PACKAGE = "npm/%40acme/web/-/web-1.0.0.tgz"


class Machine:
    """Runs the program ship-logs with files below `root` in place of the machine's files. `log` is the path of the
    access log, which Traffic Server writes on a real machine.
    """

    def __init__(self, root: Path) -> None:
        self.program: Any = load(PROGRAM)
        self.program.LOGS = root
        self.program.POSITIONS = root / "shipped.json"
        self.program.CREDENTIALS = root / "s3_auth.config"
        self.program.CREDENTIALS.write_text("access_key=a\nsecret_key=b\nsession_token=c\nversion=4\n")
        self.log = root / "access.log"

    def request(
        self,
        path: str = PACKAGE,
        day: str = "27/Nov/2026",
        port: int = EDGE_PORT,
        status: int = 200,
        install: str = "-",
    ) -> None:
        record = {"time": f"{day}:09:00:00 -0000", "port": port, "client": "192.0.2.1", "path": path, "status": status}
        record |= {"method": "GET", "bytes": 100, "cache": "TCP_MISS", "ms": 3, "install": install}
        with self.log.open("a") as log:
            log.write(json.dumps(record) + "\n")


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    for name, value in {"LOG_BUCKET": BUCKET, "LOG_REGION": "us-east-1", "LOG_FIELDS": "time,path,status"}.items():
        monkeypatch.setenv(name, value)
    client("s3").create_bucket(Bucket=BUCKET)
    return Machine(tmp_path)


def shipped() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Yields the key and the records of each object in the access log bucket."""
    for found in client("s3").list_objects_v2(Bucket=BUCKET).get("Contents", []):
        content = client("s3").get_object(Bucket=BUCKET, Key=found["Key"])["Body"].read()
        yield found["Key"], [json.loads(line) for line in gzip.decompress(content).splitlines()]


def paths() -> list[str]:
    return [record["path"] for _, records in shipped() for record in records]


def test_requests_of_the_edge_arrive_by_day_with_the_configured_fields_only(machine: Machine) -> None:
    machine.request()
    # Only the shield itself sends requests to its port 9001. ship-logs must not copy the log lines of these requests.
    machine.request(port=9001)
    machine.request("b", day="28/Nov/2026")
    machine.program.main()
    found = dict(shipped())
    first, second = sorted(found)
    assert first.startswith("shields/day=2026-11-27/090000-") and first.endswith(".json.gz")
    assert second.startswith("shields/day=2026-11-28/")
    assert found[first] == [{"time": "2026-11-27T09:00:00Z", "path": PACKAGE, "status": 200}]
    assert found[second] == [{"time": "2026-11-28T09:00:00Z", "path": "b", "status": 200}]


def test_each_line_arrives_once(machine: Machine) -> None:
    for path in ("a", "b", "c"):
        machine.request(path)
        machine.program.main()
        machine.program.main()
    assert sorted(paths()) == ["a", "b", "c"]


def test_a_line_that_is_still_being_written_arrives_whole(machine: Machine) -> None:
    machine.request("a")
    machine.request("b")
    whole = machine.log.read_text()
    machine.log.write_text(whole[:-10])
    machine.program.main()
    assert paths() == ["a"]
    machine.log.write_text(whole)
    machine.program.main()
    assert sorted(paths()) == ["a", "b"]


def test_the_rest_of_a_renamed_log_arrives_and_so_does_the_next_log(machine: Machine) -> None:
    machine.request("a")
    machine.program.main()
    machine.request("b")
    machine.log.rename(machine.log.with_name("access.log_host.20261127.00h00m00s-20261128.00h00m00s.old"))
    machine.request("c")
    machine.program.main()
    assert sorted(paths()) == ["a", "b", "c"]


def test_what_could_not_be_copied_is_copied_later_and_counted_once(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Makes ship-logs fail after an upload to S3, before the program saves its position in the log."""
    machine.request("a")
    with monkeypatch.context() as broken:
        broken.setattr(machine.program, "save", failing)
        with pytest.raises(SystemExit, match="tries again"):
            machine.program.main()
    machine.request("b")
    machine.program.main()
    assert paths() == ["a", "b"]


def failing(positions: object) -> None:
    raise EndpointConnectionError(endpoint_url="https://s3")


def test_a_large_log_arrives_in_batches(machine: Machine) -> None:
    machine.program.BATCH_BYTES = 200
    for number in range(10):
        machine.request(str(number))
    machine.program.main()
    assert len(list(shipped())) > 1
    assert sorted(paths(), key=int) == [str(number) for number in range(10)]


def test_a_line_that_is_not_json_does_not_stop_the_others(machine: Machine) -> None:
    machine.log.write_text('{"time":"27/Nov/2026:09:00:00 -0000","port":8443,"path":"a"b"}\n')
    machine.request("c")
    machine.program.main()
    assert paths() == ["c"]


def test_without_a_bucket_nothing_leaves_the_machine(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOG_BUCKET", "")
    machine.request()
    machine.program.main()
    assert paths() == []


def test_the_documented_query_counts_the_downloads_of_each_package(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("LOG_FIELDS", ",".join(StackConfig.model_fields["shield_log_fields"].default))
    for path, status in (
        (PACKAGE, 200),
        (PACKAGE.replace("1.0.0", "1.0.1"), 200),
        (PACKAGE.replace("1.0.0", "9.9.9"), 404),
        ("npm/%40acme/web/packument.json", 200),
        ("pypi/files/acme-lib/acme_lib-1-py3-none-any.whl", 206),
        ("pypi/files/acme-lib/acme_lib-1-py3-none-any.whl.metadata", 200),
        ("oci/manifests/acme/app/sha256/00", 200),
        ("oci/blobs/acme/app/sha256/00", 200),
    ):
        machine.request(path, status=status)
    machine.program.main()
    for key, records in shipped():
        file = tmp_path / key.replace("shields/", "logs/").removesuffix(".gz")
        file.parent.mkdir(parents=True)
        file.write_text("".join(f"{json.dumps(record)}\n" for record in records))
    page = DOCUMENTED.read_text()
    view = re.search(r"CREATE VIEW shield_requests AS FROM '[^']+'", page)
    query = re.search(r"^SELECT CASE.+?(?=\n```)", page, re.MULTILINE | re.DOTALL)
    assert view and query
    monkeypatch.chdir(tmp_path)
    with duckdb.connect() as connection:
        connection.sql(view[0].replace("*.json.gz", "*.json"))
        found = connection.sql(query[0])
        assert found.fetchall() == [("npm:%40acme/web", 2, 200), ("oci:acme/app", 1, 100), ("pypi:acme-lib", 1, 100)]


def test_the_training_of_co_downloads_reads_what_was_shipped(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("LOG_FIELDS", "time,method,path,status,install")
    machine.request(install="-")
    machine.request("npm/left-pad/packument.json", install="0123456789abcdef" * 2)
    machine.program.main()
    ((key, records),) = shipped()
    file = tmp_path / key
    file.parent.mkdir(parents=True)
    file.write_bytes(gzip.compress("".join(f"{json.dumps(record)}\n" for record in records).encode()))
    assert Training(tmp_path / "shields").packages() == ["npm:left-pad"]


def test_the_table_for_athena_has_the_default_fields_of_the_log() -> None:
    table = re.search(r"CREATE EXTERNAL TABLE shield_requests \(\n(.+?)\n\)", DOCUMENTED.read_text(), re.DOTALL)
    assert table
    columns = [column.split()[0].strip("`") for column in table[1].split(",")]
    assert columns == StackConfig.model_fields["shield_log_fields"].default
