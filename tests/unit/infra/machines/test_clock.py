"""Tests that a machine takes the time only from the time server of its own cloud. For other time servers, the stack
would need firewall rules.
"""

from __future__ import annotations

import pytest

from emulation.machines import cloud_init
from emulation.machines.clock import ON_COMPUTE_ENGINE, ON_EC2, check_sources
from infra.pop.user_data import render_user_data as user_data_of_pop
from infra.shield.user_data import render_user_data as user_data_of_shield
from tests.support.own_pop import SETTINGS
from tests.support.shield_machine import BOOT, ROLE


@pytest.mark.parametrize(
    ("text", "servers"),
    [
        pytest.param(user_data_of_shield(BOOT, "node", "us-east-1", "aws", ROLE), ON_EC2, id="shield on EC2"),
        pytest.param(
            user_data_of_shield(BOOT, "node", "us-east1", "gcp", ROLE), ON_COMPUTE_ENGINE, id="shield on Compute Engine"
        ),
        pytest.param(user_data_of_pop(SETTINGS, "us-east-1"), ON_EC2, id="PoP"),
    ],
)
def test_the_clock_follows_the_clouds_own_time_server_alone(text: str, servers: frozenset[str]) -> None:
    config = cloud_init.parse(text)
    files = {file.path: file.content for file in config.files}
    check_sources(files["/etc/chrony/chrony.conf"], servers)
    restarted = config.run_commands.index(("systemctl", "restart", "chrony.service"))
    installed = next(
        number for number, command in enumerate(config.run_commands) if command[0].endswith("install-packages")
    )
    # AWS refuses signed requests if the machine's clock is wrong. The clock must therefore be set before any program
    # calls AWS.
    assert restarted < installed
