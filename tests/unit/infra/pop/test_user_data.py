"""Tests the user data of PoP machines. The tests parse the user data as cloud-init does."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from emulation.machines import cloud_init
from infra.edge import ShieldNode
from infra.machines.user_data import USER_DATA_LIMITS, UserDataError, user_data_size
from infra.pop import programs
from infra.pop.user_data import render_user_data
from infra.pop.workerd import VERSION, binary
from tests.support.own_pop import SETTINGS

ROOT = Path(__file__).parents[4]
REGION = "us-east-1"
# A list of 32 shields (regional caches). Their domain has the maximum length that the stack config allows.
SHIELDS = [
    ShieldNode(f"{region}-{number}.shield.{'d' * 47}.example:8443", region)
    for region in ("us-east-1", "eu-west-1", "ap-southeast-1", "sa-east-1")
    for number in range(8)
]


def files() -> dict[str, cloud_init.BootFile]:
    return {file.path: file for file in cloud_init.parse(render_user_data(SETTINGS, REGION)).files}


def test_fits_with_many_shields_and_leaves_room() -> None:
    settings = replace(SETTINGS, shields=SHIELDS, metadata_api=f"https://{'abcd1234' * 4}.lambda-url.us-east-1.on.aws/")
    left = USER_DATA_LIMITS["aws"] - user_data_size(render_user_data(settings, REGION), "aws")
    assert left >= 4096, f"{left} bytes of user data are left: move programs to infra/pop/machine/programs"


def test_user_data_that_ec2_would_refuse_is_an_error_that_names_the_region() -> None:
    names = [f"{number * 7919 % 999983:06}" for number in range(20000)]
    with pytest.raises(UserDataError, match=r"the PoP in us-east-1 is \d+ bytes; EC2 takes 16384\. Shorten"):
        render_user_data(replace(SETTINGS, reserved_python_names=names), REGION)


def test_user_data_names_secrets_and_contains_neither_a_secret_nor_the_worker() -> None:
    found = files()
    assert "EDGE_SECRET=artifact-edge/test/edge\n" in found["/etc/artifact-edge/pop.env"].content
    assert "/etc/artifact-edge/worker.js" not in found
    assert f"PROGRAMS_SHA256={hashlib.sha256(programs.bundle().encode()).hexdigest()}\n" in (
        found["/etc/artifact-edge/pop.env"].content
    )
    text = "\n".join(file.content for file in found.values())
    assert "PRIVATE KEY" not in text and "AKIA" not in text
    assert not any(path.startswith("/run") for path in found)


def test_the_access_log_of_a_busy_machine_does_not_fill_the_disk() -> None:
    timer = files()["/etc/systemd/system/logrotate.timer.d/artifact-edge.conf"].content
    assert files()["/etc/logrotate.d/artifact-edge"].content.startswith("/var/log/artifact-edge/access.log {\n")
    interval = re.search(r"^OnCalendar=\*:0/(\d+)$", timer, re.M)
    assert interval is not None
    # 80,000 requests a second, three times what a machine with two processors answers (docs/capacity.md). A line of the
    # log has 350 bytes. logrotate compresses one file while NGINX writes the next one.
    written = 2 * 60 * int(interval[1]) * 80_000 * 350
    root_disk = 16 << 30
    assert written < root_disk / 2
    # Debian's timer has a time of its own, which only an empty value removes, and an accuracy of an hour.
    assert "OnCalendar=\n" in timer and "AccuracySec=1s\n" in timer


def test_comments_are_left_out_and_programs_still_run() -> None:
    found = files()
    assert "# --- TLS" not in found["/etc/artifact-edge/nginx.conf"].content
    compile(found["/usr/local/sbin/fetch-settings"].content, "fetch-settings", "exec")
    script = found["/usr/local/sbin/prepare-nvme"].content
    assert script.startswith("#!/bin/sh\n")
    subprocess.run(["sh", "-n"], input=script, text=True, check=True)


def test_machine_runs_the_build_of_workerd_that_tests_run() -> None:
    package = json.loads((ROOT / "workers/edge/node_modules/workerd/package.json").read_text())
    assert package["version"] == VERSION
    assert binary("arm64").url.endswith(f"/workerd-linux-arm64-{VERSION}.tgz")
    assert len({binary("amd64").sha256, binary("arm64").sha256}) == 2


def test_each_boot_fetches_the_settings_and_no_unit_is_ordered_after_that() -> None:
    commands = cloud_init.parse(render_user_data(SETTINGS, REGION)).run_commands
    enabled = [argv[-1] for argv in commands if argv[:2] == ("systemctl", "enable")]
    settings = "artifact-edge-settings.service"
    units = {Path(path).name: file.content for path, file in files().items() if path.startswith("/etc/systemd/")}
    waiting = [name for name, text in units.items() if re.search(rf"^After=.*\b{re.escape(settings)}", text, re.M)]
    # fetch-settings waits for `systemctl restart` and `systemctl reload`. If the restarted unit were ordered after the
    # unit of fetch-settings, systemd would hold these jobs until the latter ends (systemd.unit(5), `After=`).
    assert waiting == []
    # A reboot empties /run, where the machine keeps its settings. At a boot, systemd starts only enabled units, so the
    # unit that fetches the settings must be enabled.
    assert enabled[0] == settings
    assert "WantedBy=multi-user.target\n" in units[settings]


def test_each_unit_that_boots_is_in_the_user_data() -> None:
    config = cloud_init.parse(render_user_data(SETTINGS, REGION))
    units = [argv[-1] for argv in config.run_commands if argv[0] == "systemctl" and argv[-1].startswith("artifact")]
    assert len(units) == 9
    for unit in units:
        assert f"/etc/systemd/system/{unit}" in files()
