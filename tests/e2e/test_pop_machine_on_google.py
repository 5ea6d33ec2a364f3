"""Boots a PoP machine on the emulated Compute Engine from its real user data, in a stack that the real engine deploys.
The machine gets its AWS role with an identity token of its service account.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import yaml

from emulation.gcp import metadata_clients
from local.health import edge_authority
from local.samples import build
from tests.support.needs_root import needs_root
from tests.support.pop_machine import CONFIG, RUNNING_UNITS, TARBALL, PopMachine
from tests.support.sandbox.own_stack import own_stack
from tests.support.waiting import eventually

LOOPBACK = "127.74"
STACK = "gpops"
REGION = "europe-west4"
PROJECT = "artifact-edge-gpops"

pytestmark = needs_root


class GooglePopMachine(PopMachine):
    """A stack with one PoP machine on Compute Engine."""

    @property
    def described(self) -> dict[str, Any]:
        """The machine as the emulated Compute Engine describes it."""
        machines = httpx.get(f"{self.stack.sandbox.gcp_url}/_artifact-edge/instances", timeout=60).json()
        return next(each for each in machines if "-pop-" in each["name"])

    @property
    def instance(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.described["id"]


def config_with(machine_type: str) -> dict[str, Any]:
    return {
        **CONFIG,
        "gcp:project": PROJECT,
        "artifact-edge:pops": [{"cloud": "gcp", "region": REGION, "machine_type": machine_type, "nodes": 1}],
        "artifact-edge:pops_reached_by": "google-load-balancer",
    }


@pytest.fixture(scope="module")
def pop() -> Iterator[GooglePopMachine]:
    with own_stack(LOOPBACK, STACK, config_with("n2-standard-2")) as stack:
        (machine,) = stack.outputs()["pops"]
        trust = ssl.create_default_context(cafile=str(edge_authority(stack.sandbox)))
        made = GooglePopMachine(stack, machine["address"], trust)
        assert eventually(made.is_healthy, 300), made.log()
        yield made


def test_the_machine_boots_and_serves_a_published_package_to_a_client_with_a_token(
    pop: GooglePopMachine, tmp_path: Any
) -> None:
    assert pop.processes().keys() == RUNNING_UNITS
    assert pop.get(TARBALL).status_code == 401
    answer = pop.get(TARBALL, pop.token("pop-reader", "npm:*:pull"))
    assert answer.status_code == 200
    assert answer.content == build(tmp_path).files[0].read_bytes()


def test_dns_leads_clients_to_the_machine_while_the_load_balancer_does_not_answer(pop: GooglePopMachine) -> None:
    # The emulation of the load balancer forwards no connections.
    assert eventually(lambda: pop.led_to() == {pop.address})


@pytest.mark.nightly  # slow, because the machine sends a report only once a minute
def test_the_machine_reports_that_it_serves(pop: GooglePopMachine) -> None:
    """`pulumi up` waits for this report before it replaces the next machine of the region."""
    name = f"/artifact-edge/{STACK}/serving/{pop.stack.outputs()['pops'][0]['name']}"

    def reported() -> str:
        found = pop.stack.aws("ssm").get_parameters(Names=[name])["Parameters"]
        return found[0]["Value"] if found else ""

    assert eventually(lambda: reported() == pop.instance, 300), pop.log()


@pytest.mark.nightly  # slow, because the machine fetches its settings only once a minute
def test_a_machine_with_another_service_account_may_not_assume_the_role(pop: GooglePopMachine) -> None:
    account: str = pop.described["serviceAccounts"][0]["email"]
    project, name = account.partition("@")[2].split(".")[0], f"machine-{pop.instance}"
    accounts = f"{pop.stack.sandbox.gcp_url}/iam/v1/projects/{project}/serviceAccounts"
    stranger = httpx.post(accounts, json={"accountId": "stranger", "serviceAccount": {}}, timeout=60).json()["email"]

    def refused() -> int:
        return pop.log().count("AccessDenied")

    before = refused()
    try:
        metadata_clients.register(pop.stack.sandbox, name, stranger)
        # The timer of the machine fetches the settings each minute.
        assert eventually(lambda: refused() > before, 200), pop.log()
    finally:
        metadata_clients.register(pop.stack.sandbox, name, account)


def test_a_replaced_machine_is_an_endpoint_of_the_load_balancer_again(pop: GooglePopMachine) -> None:
    before = pop.described
    prefix, zone = before["name"].removesuffix(f"-pop-{REGION}-0"), f"{REGION}-b"
    group = f"projects/{PROJECT}/zones/{zone}/networkEndpointGroups/{prefix}-pop-{zone}"

    def endpoints() -> list[str]:
        url = f"{pop.stack.sandbox.gcp_url}/compute/v1/{group}/listNetworkEndpoints"
        items = httpx.post(url, json={}, timeout=60).raise_for_status().json()["items"]
        return [each["networkEndpoint"]["instance"] for each in items]

    assert endpoints() == [before["name"]]
    project = pop.stack.project
    (project.project / "stacks" / f"Pulumi.{STACK}.yaml").write_text(
        yaml.safe_dump({"config": config_with("n2-standard-4")})
    )
    result = project.pulumi("up", "--yes", "--skip-preview")
    assert result.returncode == 0, result.stdout + result.stderr
    assert pop.described["id"] != before["id"]
    assert endpoints() == [before["name"]]
