"""Runs the runbooks of docs/operations.md on a sandbox (emulated clouds on this machine). Each test causes the fault
that a runbook repairs, and then runs the commands that the runbook prints.

The operator works in a copy of the checkout, so that a runbook may change the stack's config and the edge worker.
"""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from contract.metrics import NAMESPACE, OBJECTIVE_SECONDS, PUBLISH_TO_VISIBLE
from contract.shields import HEALTH_PATH, HEALTH_PORT
from emulation.aws.clock import MINUTE_SECONDS, PATH
from emulation.engine.environment import shell_environment
from emulation.engine.find import PYTHONPATH_VARIABLE, ensure_engine
from local.stack import PASSPHRASE
from registry.catalog.outbox import MOST_TRIES, Intent, Outbox
from registry.certificates import LEAF_DAYS, client_certificate, leaf_name, load
from registry.metadata import Repository
from tests.support.packages import tarball
from tests.support.runbooks import Runbook, runbook
from tests.support.sandbox.commands import registry
from tests.support.sandbox.edge import EU_WEST, US_EAST, access, target_of
from tests.support.sandbox.operator_shell import OperatorShell, checkout_with_copies
from tests.support.sandbox.origin import control, store
from tests.support.sandbox.shields import machines
from tests.support.sandbox.up import Up
from tests.support.waiting import eventually

pytestmark = pytest.mark.nightly

PAGE = "docs/operations.md"
STACK = {"--stack prod": "--stack local"}
OUTPUTS = "pulumi stack output --json --stack local > outputs.json"
PREVIEW = "pulumi preview --stack local"
NO_CHANGES = f"{PREVIEW} --expect-no-changes"
IMMUTABLE = "npm/@acme/greeting/-/greeting-7.7.7.tgz"
SMALL = "/npm/@acme/greeting"  # a document that `make up` publishes, and that every identity may read


@pytest.fixture(scope="module")
def shell(up: Up, tmp_path_factory: pytest.TempPathFactory) -> OperatorShell:
    checkout = checkout_with_copies(tmp_path_factory.mktemp("operator"), "stacks", "workers")
    environment = shell_environment(ensure_engine(print), up.sandbox, passphrase=PASSPHRASE)
    # The operator works in a copy of the checkout. Pulumi's language host imports the program from this copy, so that
    # `pulumi up` deploys the edge worker of the copy, which a test may have changed.
    environment[PYTHONPATH_VARIABLE] = str(checkout)
    made = OperatorShell(checkout, environment, checkout.parent / "commands")
    made.run(f"pulumi stack select local\n{OUTPUTS}")
    return made


@pytest.fixture
def rare_schedule(up: Up) -> Iterator[None]:
    """Makes a minute of the emulated AWS last 60 real seconds. AWS then rarely starts the outbox relay (the function
    that delivers changes) during the test. A test may shorten the minute, so the fixture sets it to 60 seconds again
    after the test.
    """
    set_minute(up, MINUTE_SECONDS)
    yield
    set_minute(up, MINUTE_SECONDS)


@pytest.fixture
def repository(up: Up, monkeypatch: pytest.MonkeyPatch) -> Repository:
    return target_of(up, monkeypatch).repository


@pytest.fixture
def outbox(repository: Repository) -> Outbox:
    return Outbox(repository)


def set_minute(up: Up, seconds: float) -> None:
    httpx.put(up.sandbox.aws_url + PATH, json={"minute_seconds": seconds}).raise_for_status()


def address_of(up: Up, region: str) -> str:
    return next(each["address"] for each in up.outputs()["shields"] if each["region"] == region)


def answers(url: str, **client: Any) -> bool:
    try:
        return httpx.get(url, timeout=5, **client).status_code == 200
    except httpx.HTTPError:
        return False


def healthy(address: str) -> bool:
    return answers(f"http://{address}:{HEALTH_PORT}{HEALTH_PATH}")


def holder_of(up: Up, region: str, address: str) -> str:
    """Returns the ID of the EC2 instance with the Elastic IP address `address`."""
    return up.aws("ec2", region).describe_addresses(PublicIps=[address])["Addresses"][0]["InstanceId"]


def edge_answers(up: Up) -> bool:
    with httpx.Client(**access(up, US_EAST)) as client:
        return client.get("/healthz").status_code == 200


def tier_of(up: Up, key: str) -> str:
    """Returns the header X-Cache of the edge's response to a client in Virginia. The header says which cache answered,
    or that the origin answered.
    """
    with httpx.Client(**access(up, US_EAST)) as client:
        return client.get(f"/{key}").headers["x-cache"]


def publish(up: Up, directory: Path, name: str) -> str:
    file = tarball(directory / f"{name}.tgz", {"name": name, "version": "1.0.0"})
    published = registry(up, "publish", file)
    assert published.returncode in (0, 1), published.stderr
    return published.stderr


def urn_of(shell: OperatorShell, down: Runbook, instance: str) -> str:
    """Returns the URN of the machine with the id `instance`. The function finds it in the output of `pulumi stack
    --show-urns`, a command of the runbook `down`.
    """
    shown = shell.run(down.command("pulumi stack --show-urns") + " --stack local --show-ids")
    lines = shown.splitlines()
    until = next(number for number, line in enumerate(lines) if f"ID: {instance}" in line)
    return [line.split("URN: ")[1].strip() for line in lines[:until] if "URN: " in line][-1]


def test_the_first_commands_list_the_machines_and_the_undelivered_changes(up: Up, shell: OperatorShell) -> None:
    (both,) = runbook(PAGE, "Operations").blocks(STACK)
    printed = shell.run(both)
    assert all(shield["host"] in printed for shield in up.outputs()["shields"])


def test_a_bad_release_of_the_worker_is_taken_back(up: Up, shell: OperatorShell) -> None:
    down = runbook(PAGE, "The edge is down")
    routes = shell.directory / "workers/edge/src/routes.ts"
    good = routes.read_text()
    routes.write_text(good.replace('url.pathname === "/healthz"', 'url.pathname === "/healthz-of-a-bad-release"'))
    shell.run("pulumi up --stack local")
    assert eventually(lambda: not edge_answers(up))
    store(up, IMMUTABLE, 1_000)
    assert eventually(lambda: tier_of(up, IMMUTABLE) == "edge; hit")
    back = runbook("docs/deploying.md", "Roll back")
    noted = back.command("pulumi stack output worker_version --stack prod", STACK)
    version = shell.run(noted).strip()

    shell.run(back.command("python -m rollout rollback --stack prod", STACK))
    assert eventually(lambda: edge_answers(up))

    assert "update" in shell.run(down.command("pulumi stack history"))
    routes.write_text(good)
    shell.run(down.command("pulumi up"))
    assert eventually(lambda: edge_answers(up))
    assert "ns-" in shell.run(down.command("pulumi stack output zone"))
    assert tier_of(up, IMMUTABLE) == "edge; hit"
    (remove,) = back.blocks({"<version>": version})
    shell.run(remove)
    assert tier_of(up, IMMUTABLE) != "edge; hit"


def test_an_expiring_certificate_is_renewed_and_deployed(up: Up, shell: OperatorShell) -> None:
    secrets, secret = up.aws("secretsmanager"), "artifact-edge/local/edge"
    edge = json.loads(secrets.get_secret_value(SecretId=secret)["SecretString"])
    authority = json.loads(secrets.get_secret_value(SecretId="artifact-edge/local/authority")["SecretString"])
    issuer = load(authority["client_ca"], authority["client_ca_key"])
    ending = client_certificate(issuer, leaf_name("local"), datetime.now(UTC) - timedelta(days=LEAF_DAYS - 20))
    old = {**edge, "client_certificate": ending.certificate_pem, "client_key": ending.key_pem}
    secrets.put_secret_value(SecretId=secret, SecretString=json.dumps(old))
    shell.run("pulumi up --stack local")

    alarm = "artifact-edge-local-edge-certificate-expires"
    cloudwatch = up.aws("cloudwatch")

    def goes_off() -> bool:
        (found,) = cloudwatch.describe_alarms(AlarmNames=[alarm])["MetricAlarms"]
        return found["StateValue"] == "ALARM"

    set_minute(up, 1.0)
    assert eventually(goes_off)
    renew, deploy, check = runbook(PAGE, "The certificate of the edge expires").blocks({"prod": "local"})
    assert "renewed the edge's client certificate" in shell.run(renew)
    shell.run(deploy)
    assert "expires in 396 days" in shell.run(check)
    assert eventually(lambda: not goes_off())
    set_minute(up, MINUTE_SECONDS)


def test_a_stopped_shield_machine_is_started(up: Up, shell: OperatorShell) -> None:
    (machine,), address = machines(up, "eu-west-1"), address_of(up, "eu-west-1")
    up.aws("ec2", "eu-west-1").stop_instances(InstanceIds=[machine])
    assert eventually(lambda: not healthy(address))
    values = {**STACK, "<region>": "eu-west-1", "<id of the instance>": machine, "<URN of the instance>": "any"}
    start, *_ = runbook(PAGE, "A shield machine is down").blocks(values)
    shell.run(start)
    assert eventually(lambda: healthy(address))


def test_a_lost_shield_machine_is_replaced_and_gets_its_address(up: Up, shell: OperatorShell) -> None:
    down = runbook(PAGE, "A shield machine is down")
    (machine,), address = machines(up, "eu-west-1"), address_of(up, "eu-west-1")
    urn = urn_of(shell, down, machine)
    up.aws("ec2", "eu-west-1").terminate_instances(InstanceIds=[machine])
    assert eventually(lambda: not healthy(address))
    values = {**STACK, "<region>": "any", "<id of the instance>": "any", "<URN of the instance>": urn}
    _, replace = down.blocks(values)
    shell.run(replace)
    assert eventually(lambda: healthy(address))
    assert "aws:ec2" not in shell.run(PREVIEW)


@pytest.fixture
def no_certificates(up: Up) -> Iterator[Callable[[], object]]:
    """Makes the emulated AWS Certificate Manager unavailable, so no new shield machine can serve requests. Yields a
    function that makes AWS Certificate Manager available again.
    """
    control(up, "outages", {"acm": {"us-east-1": "503"}})
    yield lambda: control(up, "outages", {})
    control(up, "outages", {})


def test_a_replaced_shield_machine_keeps_its_address_until_the_new_one_serves(
    up: Up, shell: OperatorShell, no_certificates: Callable[[], object], tmp_path: Path
) -> None:
    down = runbook(PAGE, "A shield machine is down")
    (old,), address = machines(up, "eu-west-1"), address_of(up, "eu-west-1")
    urn = urn_of(shell, down, old)
    _, replace = down.blocks({**STACK, "<region>": "any", "<id of the instance>": "any", "<URN of the instance>": urn})
    said = tmp_path / "said"
    said.touch()
    with ThreadPoolExecutor() as threads:
        updated = threads.submit(shell.run, f"({replace}) 2>&1 | tee {said}")
        assert eventually(lambda: f"; {old} keeps the address" in said.read_text(), seconds=600), said.read_text()
        assert holder_of(up, "eu-west-1", address) == old
        assert healthy(address)
        no_certificates()
        updated.result()
    assert holder_of(up, "eu-west-1", address) != old
    assert eventually(lambda: healthy(address))
    assert "aws:ec2" not in shell.run(PREVIEW)


def test_a_lost_region_is_removed_and_added_again(up: Up, shell: OperatorShell) -> None:
    lost = runbook(PAGE, "A shield region is lost")
    (machine,), address = machines(up, "eu-west-1"), address_of(up, "eu-west-1")
    up.aws("ec2", "eu-west-1").stop_instances(InstanceIds=[machine])
    assert eventually(lambda: not healthy(address))
    config = shell.directory / "stacks/Pulumi.local.yaml"
    whole = config.read_text()
    setting = lost.command("artifact-edge:shields")
    shell.run(f"pulumi config rm --stack local --path '{setting}[1]'")
    shell.run(lost.command("pulumi up"))
    up.forget_outputs()
    assert {shield["region"] for shield in up.outputs()["shields"]} == {"us-east-1", "asia-southeast1"}
    with httpx.Client(**access(up, EU_WEST)) as client:
        assert eventually(lambda: client.get(SMALL).status_code == 200)

    config.write_text(whole)
    shell.run(lost.command("pulumi up"))
    up.forget_outputs()
    assert eventually(lambda: healthy(address_of(up, "eu-west-1")))
    shell.run(OUTPUTS)


def test_objects_that_the_replication_role_could_not_copy_are_copied_again(
    up: Up, shell: OperatorShell, tmp_path: Path
) -> None:
    iam, s3 = up.aws("iam"), up.aws("s3", "eu-west-1")
    role = next(each for each in iam.list_roles()["Roles"] if each["RoleName"].endswith("replication"))["RoleName"]
    (policy,) = iam.list_role_policies(RoleName=role)["PolicyNames"]
    iam.delete_role_policy(RoleName=role, PolicyName=policy)
    publish(up, tmp_path, "uncopied")
    primary, replica = (bucket["name"] for bucket in up.outputs()["buckets"])
    key = "npm/uncopied/-/uncopied-1.0.0.tgz"

    def is_failed() -> bool:
        return up.aws("s3").head_object(Bucket=primary, Key=key).get("ReplicationStatus") == "FAILED"

    assert eventually(is_failed)
    (block,) = runbook(PAGE, "Objects are not copied").blocks({})
    failed, retry = block.splitlines()
    assert key in shell.run(failed, status=1)
    shell.run("pulumi up --stack local --refresh")
    assert key in shell.run(retry)

    def is_copied() -> bool:
        return bool(s3.list_objects_v2(Bucket=replica, Prefix=key).get("Contents"))

    assert eventually(is_copied)
    assert "0 objects failed" in shell.run(failed)


@pytest.mark.usefixtures("rare_schedule")
def test_policies_of_buckets_that_someone_deleted_are_restored(up: Up, shell: OperatorShell) -> None:
    refuses = runbook(PAGE, "S3 refuses")
    alarm, key = "artifact-edge-local-blobs-us-east-1-refuses", "npm/@acme/greeting/-/greeting-7.7.8.tgz"
    for bucket in up.outputs()["buckets"]:
        s3 = up.aws("s3", bucket["region"])
        s3.delete_bucket_policy(Bucket=bucket["name"])
        names = {"<environment>": "local", "<name>": "example", "<region>": bucket["region"]}
        logs = refuses.command("artifact-edge-<environment>-<name>-logs-<region>", names)
        assert s3.get_bucket_logging(Bucket=bucket["name"])["LoggingEnabled"]["TargetBucket"] == logs
    store(up, key, 1_000)
    with httpx.Client(**access(up, US_EAST)) as client:

        def goes_off() -> bool:
            assert client.get(f"/{key}").status_code >= 500
            (found,) = up.aws("cloudwatch").describe_alarms(AlarmNames=[alarm])["MetricAlarms"]
            return found["StateValue"] == "ALARM"

        set_minute(up, 1.0)
        assert eventually(goes_off)
        set_minute(up, MINUTE_SECONDS)
        shell.run(refuses.command("pulumi up --refresh"))
        assert eventually(lambda: client.get(f"/{key}").status_code == 200)


@pytest.mark.usefixtures("rare_schedule")
def test_a_worker_with_another_key_gets_the_key_of_the_secret(
    up: Up, shell: OperatorShell, outbox: Outbox, tmp_path: Path
) -> None:
    lags = runbook(PAGE, "A purge lags")
    secret = lags.command("artifact-edge/<environment>/purge-signing", {"<environment>": "local"})
    up.aws("secretsmanager").put_secret_value(SecretId=secret, SecretString=json.dumps({"key": "k" * 43}))
    assert "403" in publish(up, tmp_path, "unpurged")
    listed = lags.command("python -m registry purges list --stack-outputs outputs.json")
    shown = shell.run(listed)
    assert "npm#unpurged: the edge was not purged" in shown and "answers 403" in shown

    shell.run(lags.command("pulumi up"))
    (drain,) = lags.blocks({})

    def is_delivered() -> bool:
        # `python -m registry purges drain` exits with 1 while a change waits for its next delivery attempt. The test
        # ignores this status and runs the command again.
        shell.run(f"{drain} || true")
        return outbox.pending() == []

    assert eventually(is_delivered)
    assert "npm#unpurged: " not in shell.run(listed)


@pytest.mark.usefixtures("rare_schedule")
def test_a_disabled_schedule_is_seen_and_the_changes_are_delivered_by_hand(
    up: Up, shell: OperatorShell, outbox: Outbox, repository: Repository
) -> None:
    fails = runbook(PAGE, "The drain fails")
    up.aws("events").disable_rule(Name="artifact-edge-local-drain")
    repository.transact([Intent(changes={"npm#@acme/greeting": ["1.0.0"]}).put()])
    state, drain = fails.blocks({"artifact-edge-prod-drain": "artifact-edge-local-drain"})
    assert shell.run(state) == "DISABLED\n"
    shell.run(fails.command("pulumi up --refresh"))
    assert shell.run(state) == "ENABLED\n"
    with subprocess.Popen(["bash", "-c", f"exec {drain}"], cwd=shell.directory, env=shell.environment) as watching:
        delivered = eventually(lambda: outbox.pending() == [])
        watching.terminate()
    assert delivered


@pytest.mark.usefixtures("rare_schedule")
def test_changes_that_were_given_up_are_delivered(
    up: Up, shell: OperatorShell, outbox: Outbox, repository: Repository
) -> None:
    given_up = runbook(PAGE, "Purges were given up")
    intent = Intent(changes={"npm#@acme/greeting": ["1.0.0"]}, tries=MOST_TRIES - 1)
    repository.transact([intent.put()])
    stored = next(each for each in outbox.pending() if each.tries == intent.tries)
    outbox.record_failure(stored, "Cloudflare answers 401", time.time())
    listed = shell.run(given_up.command("python -m registry purges list --stack-outputs outputs.json"))
    assert f"failed   {MOST_TRIES} failed tries  npm#@acme/greeting: Cloudflare answers 401" in listed
    (retry,) = given_up.blocks({})
    assert "changes to deliver again: 1" in shell.run(retry)
    set_minute(up, 5.0)
    assert eventually(lambda: outbox.pending() == [] and outbox.dead() == [])


@pytest.fixture
def replication(up: Up) -> Iterator[Callable[[bool], object]]:
    """Provides a function that pauses the replication between buckets if its argument is true, and resumes it
    otherwise.
    """

    def pause(paused: bool) -> object:
        return control(up, "replication", {"paused": paused})

    yield pause
    pause(False)


def test_a_bucket_that_shows_a_change_late_is_named(
    up: Up, shell: OperatorShell, replication: Callable[[bool], object], tmp_path: Path
) -> None:
    slow = runbook(PAGE, "Publishing is slow to be seen")
    follow = slow.command("python -m registry visible") + " npm:late --stack-outputs outputs.json"
    alarm, cloudwatch = "artifact-edge-local-publish-to-visible", up.aws("cloudwatch")
    replication(True)
    publish(up, tmp_path, "late")
    said = shell.run(f"{follow} --timeout {OBJECTIVE_SECONDS + 5}", status=1)
    assert re.findall(r"(?m)^(\w+) +(\S+) +not yet", said) == [("origin", "eu-west-1")], said

    def goes_off() -> bool:
        (found,) = cloudwatch.describe_alarms(AlarmNames=[alarm])["MetricAlarms"]
        return found["StateValue"] == "ALARM"

    set_minute(up, 5.0)
    assert eventually(goes_off)
    set_minute(up, MINUTE_SECONDS)
    metrics = cloudwatch.list_metrics(Namespace=NAMESPACE, MetricName=PUBLISH_TO_VISIBLE)["Metrics"]
    named = [{each["Name"]: each["Value"] for each in metric["Dimensions"]} for metric in metrics]
    assert {(each.get("Tier"), each.get("Place")) for each in named} >= {("origin", "eu-west-1")}
    replication(False)
    assert "not yet" not in shell.run(follow)
