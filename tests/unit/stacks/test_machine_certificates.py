"""Tests the TLS certificates that machines export. The tests check in which regions a stack has such certificates, and
that one DNS record validates the certificates of all regions.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pulumi_aws as aws
import pytest

from tests.support.stacks import WITH_POPS, first_up

POPS = ["us-east-1", *sorted(each["region"] for each in WITH_POPS["pops"] if each["region"] != "us-east-1")]


@pytest.mark.parametrize(
    ("environment", "changes", "tier", "regions"),
    [
        ("dev", {}, "shield", ["us-east-1"]),
        ("prod", {}, "shield", ["us-east-1", "eu-west-1"]),
        ("prod", WITH_POPS, "shield", ["us-east-1", "eu-west-1"]),
        ("prod", WITH_POPS, "pop", POPS),
    ],
)
def test_each_region_has_a_certificate_that_machines_may_export_and_all_have_one_record(
    environment: str, changes: Mapping[str, Any], tier: str, regions: list[str]
) -> None:
    deployment, name = first_up(environment, changes), f"{tier}-certificate"

    def inputs(resource: type) -> list[Mapping[str, Any]]:
        return [each.inputs for key, each in deployment.of(resource).items() if key.startswith(name)]

    certificates = [each for key, each in deployment.of(aws.acm.Certificate).items() if key.startswith(name)]
    by_region = {each.inputs["region"]: each.outputs["arn"] for each in certificates}
    assert sorted(by_region) == sorted(regions)
    validated = {each["region"]: each["certificateArn"] for each in inputs(aws.acm.CertificateValidation)}
    parameters = inputs(aws.ssm.Parameter)
    assert validated == {each["region"]: each["value"] for each in parameters} == by_region
    (parameter,) = {each["name"] for each in parameters}
    assert len(inputs(aws.route53.Record)) == 1
    (policy,) = inputs(aws.iam.RolePolicy)
    read, export = json.loads(policy["policy"])["Statement"]
    where = [f"arn:aws:ssm:{region}:123456789012:parameter{parameter}" for region in regions]
    assert (read["Action"], read["Resource"]) == ("ssm:GetParameter", where)
    assert (export["Action"], export["Resource"]) == (
        "acm:ExportCertificate",
        [by_region[region] for region in regions],
    )
