"""Tests the counts of changes in the emulated AWS. Other processes of the sandbox read these counts to find the regions
in which resources have changed, and list only the resources of these regions again. The tests check which requests
increase a count.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any, cast

import boto3
import httpx
import pytest
from moto.server import (
    DomainDispatcherApplication,  # pyright: ignore[reportPrivateImportUsage]  documented, yet not exported by name
    create_backend_app,  # pyright: ignore[reportPrivateImportUsage]
)
from werkzeug.serving import make_server

from emulation.aws.changes import ChangedRegions, Changes


@pytest.fixture
def url(aws_cloud: None) -> Iterator[str]:
    """Serves moto with the middleware that counts changes. Yields the URL."""
    application = Changes(cast(Any, DomainDispatcherApplication)(create_backend_app))
    server = make_server("127.0.0.1", 0, cast(Any, application), threaded=True)
    serving = threading.Thread(target=server.serve_forever)
    serving.start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()
    serving.join()


def client(service: str, url: str, region: str = "us-east-1") -> Any:
    return cast(Any, boto3).client(service, region_name=region, endpoint_url=url)


def changed(reader: ChangedRegions) -> set[str]:
    now = reader.now()
    regions = reader.since_seen(now)
    reader.seen(now)
    return regions


def test_only_the_region_of_a_change_is_read_again(url: str) -> None:
    reader = ChangedRegions(url, {"ec2"})
    client("ec2", url).allocate_address(Domain="vpc")
    client("ec2", url, "eu-west-1").allocate_address(Domain="vpc")
    assert changed(reader) == {"us-east-1", "eu-west-1"}
    assert changed(reader) == set()
    client("ec2", url, "eu-west-1").allocate_address(Domain="vpc")
    assert changed(reader) == {"eu-west-1"}


def test_a_region_is_read_again_until_the_reader_has_seen_it(url: str) -> None:
    reader = ChangedRegions(url, {"ec2"})
    client("ec2", url).allocate_address(Domain="vpc")
    assert reader.since_seen(reader.now()) == reader.since_seen(reader.now()) == {"us-east-1"}


def test_a_read_and_a_change_of_another_service_are_no_changes(url: str) -> None:
    reader = ChangedRegions(url, {"ec2"})
    client("ec2", url).describe_instances()
    client("lambda", url).list_functions()
    client("events", url).put_rule(Name="hourly", ScheduleExpression="rate(1 hour)")
    client("dynamodb", url).list_tables()
    assert changed(reader) == set()


def test_rules_of_eventbridge_are_counted_and_their_lists_are_not(url: str) -> None:
    reader = ChangedRegions(url, {"lambda", "events"})
    client("events", url).put_rule(Name="hourly", ScheduleExpression="rate(1 hour)")
    assert changed(reader) == {"us-east-1"}
    client("events", url).list_rules()
    assert changed(reader) == set()
    client("events", url).delete_rule(Name="hourly")
    assert changed(reader) == {"us-east-1"}


def test_zones_of_route_53_are_counted_and_their_lists_are_not(url: str) -> None:
    reader = ChangedRegions(url, {"route53"})
    zone = client("route53", url).create_hosted_zone(Name="x.example", CallerReference="1")["HostedZone"]["Id"]
    assert changed(reader) == {"us-east-1"}
    client("route53", url).list_resource_record_sets(HostedZoneId=zone)
    assert changed(reader) == set()


def test_a_reset_of_all_resources_changes_all_regions(url: str) -> None:
    reader = ChangedRegions(url, {"ec2"})
    client("ec2", url).allocate_address(Domain="vpc")
    assert changed(reader) == {"us-east-1"}
    httpx.post(f"{url}/moto-api/reset").raise_for_status()
    assert changed(reader) == {"us-east-1"}


def test_a_new_process_without_counts_changes_all_regions_that_had_one(url: str) -> None:
    reader = ChangedRegions(url, {"ec2"})
    reader.seen({"us-east-1": " ec2 another process:1"})
    assert changed(reader) == {"us-east-1"}
