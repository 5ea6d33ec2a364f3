"""Tests the user data of shield machines (regional caches). The tests parse the user data as cloud-init does."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import pytest

from contract.regions import Cloud
from contract.shields import EDGE_PORT, HEALTH_PORT
from emulation.machines import cloud_init
from infra.blobs import Bucket
from infra.machines.serving import ServingReports
from infra.machines.user_data import USER_DATA_LIMITS, UserDataError, user_data_size
from infra.shield import BootSettings
from infra.shield.user_data import render_user_data

REGIONS = ("eu-west-1", "us-east-1", "ap-southeast-1", "us-west-2")
ROLE = "arn:aws:iam::123456789012:role/artifact-edge-test-shield"
BUCKETS = [Bucket(f"packages-{region}", region, f"packages-{region}.s3.{region}.amazonaws.com") for region in REGIONS]
SETTINGS = BootSettings(
    BUCKETS[:2],
    secret_id="artifact-edge/test/shield",
    secret_regions=["us-east-1", "eu-west-1"],
    certificate_regions=["us-east-1", "eu-west-1"],
    certificate_parameter="/artifact-edge/test/shield-certificate",
    serving=ServingReports("/artifact-edge/test/serving", "us-east-1"),
)


def user_data(settings: BootSettings = SETTINGS, region: str = "us-east-1", cloud: Cloud = "aws") -> str:
    return render_user_data(settings, f"{region}-0", region, cloud, ROLE)


def files(
    settings: BootSettings = SETTINGS, region: str = "us-east-1", cloud: Cloud = "aws"
) -> dict[str, cloud_init.BootFile]:
    return {file.path: file for file in cloud_init.parse(user_data(settings, region, cloud)).files}


def directives(name: str) -> list[str]:
    lines = files()[f"/etc/artifact-edge/{name}"].content.splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def test_same_settings_give_same_bytes() -> None:
    assert user_data() == user_data(replace(SETTINGS))


def longest(count: int) -> list[Bucket]:
    """Returns S3 buckets whose names have 63 characters, the longest names that S3 accepts."""
    return [Bucket("b" * 63, region, f"{'b' * 63}.s3.{region}.amazonaws.com") for region in REGIONS[:count]]


LONGEST_STANDBY = Bucket("c" * 63, "us-east1", f"{'c' * 63}.storage.googleapis.com", "gcs")


@pytest.mark.parametrize(
    ("settings", "cloud", "margin"),
    [
        (replace(SETTINGS, buckets=longest(4)), "aws", 2048),
        (replace(SETTINGS, buckets=longest(3), standby=LONGEST_STANDBY), "gcp", 2048),
    ],
    ids=["aws", "gcp with a standby"],
)
def test_fits_with_the_longest_names_there_are_and_leaves_room(
    settings: BootSettings, cloud: Cloud, margin: int
) -> None:
    left = USER_DATA_LIMITS[cloud] - user_data_size(user_data(settings, cloud=cloud), cloud)
    print(f"{left} bytes of user data are left")  # pytest shows this line with its option `-s`
    assert left >= margin, f"{left} bytes of user data are left: shorten infra/shield/machine"


def test_user_data_that_ec2_would_refuse_is_an_error_that_says_what_to_shorten() -> None:
    secret = "/".join(f"{number * 7919 % 999983:06}" for number in range(5000))
    with pytest.raises(UserDataError, match=r"us-east-1 is \d+ bytes; EC2 takes 16384\. Shorten the files"):
        user_data(replace(SETTINGS, secret_id=secret))


def test_documents_come_from_the_primary_and_immutable_objects_from_the_nearest() -> None:
    immutable, rest = directives("parent.config")
    assert immutable.startswith("url_regex=") and 'parent="127.0.0.1:9001;127.0.0.1:9002"' in immutable
    assert rest.startswith("dest_domain=objects.internal ") and 'parent="127.0.0.1:9002;127.0.0.1:9001"' in rest
    # If replication is late, a bucket may not have an immutable object yet, and answers 404. The shield then requests
    # the object from the next bucket.
    assert 'simple_server_retry_responses="403,404"' in immutable
    # The shield requests mutable objects from the primary bucket first. A 404 from this bucket is final, because no
    # other bucket can have the object. After a 403 (access denied), the shield asks the next bucket.
    assert 'simple_server_retry_responses="403"' in rest


@pytest.mark.parametrize(
    ("key", "never_changes"),
    [
        ("npm/a/-/a-1.0.0.tgz", True),
        ("npm/%40acme/a/-/a-1.0.0.tgz", True),
        ("pypi/files/a/a-1.0.0-py3-none-any.whl.metadata", True),
        ("oci/manifests/acme/app/sha256/00", True),
        ("oci/blobs/acme/app/sha256/00", True),
        ("npm/%40acme/a/packument.abbreviated.json", False),
        ("npm/a/attestations/1.0.0.json", False),
        ("pypi/simple/a/index.html", False),
        ("oci/tags/oci/blobs/latest", False),
        ("oci/taglists/acme/app/list.json", False),
        ("oci/referrers/acme/app/sha256/00.json", False),
    ],
)
def test_the_key_decides_the_kind_of_object(key: str, never_changes: bool) -> None:
    expression = directives("parent.config")[0].split(" ")[0].removeprefix("url_regex=")
    assert bool(re.match(expression, f"http://objects.internal:9001/{key}")) is never_changes


def test_a_single_origin_has_a_parent_rule_too() -> None:
    settings = replace(SETTINGS, buckets=BUCKETS[:1])
    # With a single origin, a retry is useless. However, the number of retries must be 1, because Traffic Server ignores
    # a line of parent.config that allows no retries.
    assert "max_simple_retries=1 " in files(settings)["/etc/artifact-edge/parent.config"].content


def test_no_placeholder_is_left() -> None:
    for path, file in files().items():
        assert "@ORIGIN" not in file.content and "@SECRET" not in file.content, path


@pytest.mark.parametrize(("region", "nearest"), [("us-west-2", "us-east-1"), ("eu-central-1", "eu-west-1")])
def test_immutable_objects_come_from_the_nearest_bucket_first(region: str, nearest: str) -> None:
    rules = files(SETTINGS, region)["/etc/artifact-edge/remap.config"].content
    first = next(
        line for line in rules.splitlines() if line.startswith("map_with_recv_port http://objects.internal:9001/")
    )
    assert f"https://packages-{nearest}.s3." in first


@pytest.mark.parametrize(
    "directive",
    [
        "proxy.config.ssl.client.certification_level INT 2",
        "proxy.config.ssl.TLSv1_1 INT 0",
        "proxy.config.ssl.client.verify.server.policy STRING ENFORCED",
        "proxy.config.http.negative_caching_enabled INT 0",
        "proxy.config.cache.enable_read_while_writer INT 2",
        "proxy.config.http.background_fill_completed_threshold FLOAT 0.0",
        "proxy.config.http.background_fill_active_timeout INT 0",
        "proxy.config.http.cache.open_write_fail_action INT 5",
    ],
)
def test_directive_is_set(directive: str) -> None:
    assert f"CONFIG {directive}" in directives("records.config")


def test_full_log_files_are_rolled_before_the_space_for_logs_ends() -> None:
    values = dict(line.split()[1::2] for line in directives("records.config") if " proxy.config.log." in line)
    # Traffic Server deletes only files that it has rolled. If the current file alone fills the space, it logs nothing
    # more until the next day. With 3, it rolls a file each day and when the file is full (records.config).
    assert values["proxy.config.log.rolling_enabled"] == "3"
    space, file = (int(values[f"proxy.config.log.{name}"]) for name in ("max_space_mb_for_logs", "rolling_size_mb"))
    assert 10 <= file <= space / 8


def test_a_shield_listens_on_the_ports_that_tiers_agree_on() -> None:
    (ports,) = [line for line in directives("records.config") if " proxy.config.http.server_ports " in line]
    assert ports.split()[3:5] == [f"{EDGE_PORT}:ssl", str(HEALTH_PORT)]


def test_user_data_names_secrets_and_contains_none() -> None:
    text = "\n".join(file.content for file in files().values())
    assert "SECRET_ID=artifact-edge/test/shield\n" in files()["/etc/artifact-edge/shield.env"].content
    assert "PRIVATE KEY" not in text and "AKIA" not in text
    assert not any(path.startswith("/run") for path in files())


def test_the_rule_for_local_disks_is_read_after_the_rule_that_names_googles_disks() -> None:
    (rule,) = [path.rpartition("/")[2] for path in files() if path.startswith("/etc/udev/rules.d/")]
    assert rule > "65-gce-disk-naming.rules"


def test_programs_are_executable_and_configuration_is_not() -> None:
    for path, file in files().items():
        assert file.permissions == (0o755 if path.startswith("/usr/local/sbin/") else 0o644), path


ON_GOOGLE = replace(
    SETTINGS, buckets=[Bucket("blobs", "us-east1", "blobs.storage.googleapis.com", "gcs"), *BUCKETS[:2]]
)
STANDBY = Bucket("copy", "us-east1", "copy.storage.googleapis.com", "gcs")


def test_each_origin_gets_its_clouds_authentication() -> None:
    there = files(ON_GOOGLE, "us-east1", "gcp")
    rules = there["/etc/artifact-edge/remap.config"].content.splitlines()
    (google,) = [rule for rule in rules if "googleapis.com/" in rule]
    assert "bearer.lua" in google and "s3_auth" not in google
    amazon = [rule for rule in rules if "amazonaws.com/" in rule]
    assert len(amazon) == 2
    assert all("s3_auth.so" in rule and "bearer.lua" not in rule for rule in amazon)
    assert "googleapis" not in there["/etc/artifact-edge/regions"].content
    assert "/etc/artifact-edge/bearer.lua" in there
    assert "/etc/artifact-edge/bearer.lua" not in files()


def test_a_standby_serves_only_when_no_origin_answers() -> None:
    settings = replace(SETTINGS, standby=STANDBY)
    lines = files(settings, cloud="gcp")["/etc/artifact-edge/parent.config"].content.splitlines()
    immutable, rest = [line for line in lines if not line.startswith("#")]
    assert 'parent="127.0.0.1:9001;127.0.0.1:9002;127.0.0.1:9003"' in immutable
    assert 'parent="127.0.0.1:9002;127.0.0.1:9001;127.0.0.1:9003"' in rest
    for line in (immutable, rest):
        assert "parent_retry=both max_simple_retries=1 " in line and "max_unavailable_server_retries=2 " in line
    alone = replace(settings, buckets=BUCKETS[:1])
    assert (
        "parent_retry=unavailable_server_retry "
        in files(alone, cloud="gcp")["/etc/artifact-edge/parent.config"].content
    )
    assert "bearer.lua" in files(settings, cloud="gcp")["/etc/artifact-edge/remap.config"].content


def test_a_machine_on_ec2_has_no_standby() -> None:
    assert user_data(replace(SETTINGS, standby=STANDBY)) == user_data(SETTINGS)


def test_a_machine_without_a_google_token_has_no_cloud_storage_origin() -> None:
    with pytest.raises(UserDataError, match="us-east-1 has no Google token for the bucket blobs"):
        user_data(ON_GOOGLE)


@pytest.mark.parametrize(
    ("region", "cloud", "asked"),
    [
        ("us-east-1", "aws", "us-east-1,eu-west-1"),
        ("us-west-2", "aws", "us-west-2,us-east-1,eu-west-1"),
        ("europe-west4", "gcp", "eu-west-1,us-east-1"),
    ],
)
def test_a_machine_asks_its_own_region_and_then_the_regions_of_all_machines(
    region: str, cloud: Cloud, asked: str
) -> None:
    """A machine requests its secret first from its own region. If that fails, it tries the regions in a list, which is
    part of the user data of all machines. The list must not contain every region with shields. Otherwise, the removal
    of one region would change the user data of all machines, and Pulumi would replace them all.
    """
    settings = files(region=region, cloud=cloud)["/etc/artifact-edge/shield.env"].content.splitlines()
    assert f"SECRET_REGIONS={asked}" in settings


@pytest.mark.parametrize("regions", [(), (*REGIONS, "sa-east-1")])
def test_the_number_of_origins_is_limited(regions: Sequence[str]) -> None:
    buckets = [Bucket("b", region, "b.s3") for region in regions]
    with pytest.raises(UserDataError, match=f"us-east-1 has {len(regions)} origins; it takes 1 to 4"):
        user_data(replace(SETTINGS, buckets=buckets))


def test_a_standby_counts_towards_the_limit_of_origins() -> None:
    with pytest.raises(UserDataError, match="us-east-1 has 5 origins; it takes 1 to 4"):
        user_data(replace(SETTINGS, buckets=BUCKETS, standby=STANDBY), cloud="gcp")


@pytest.mark.parametrize("host", ["", "a b", "https://a", "a/ @plugin=x.so"])
def test_an_invalid_host_is_refused(host: str) -> None:
    with pytest.raises(UserDataError, match="is not a host name"):
        user_data(replace(SETTINGS, buckets=[Bucket("b", "us-east-1", host)]))
