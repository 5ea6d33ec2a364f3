"""Tests the program that installs a machine's packages at the first boot. Stubs replace apt-get and sleep."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parents[4] / "infra/machines/files/usr/local/sbin/install-packages"
# A stub of apt-get. While the file `outage` has lines, each call removes one line and fails.
APT_GET = """\
#!/bin/sh
echo "$*" >> "{calls}"
[ -s "{outage}" ] || exit 0
sed -i 1d "{outage}"
exit 100
"""


@pytest.mark.parametrize("failures", [0, 1, 6])
def test_packages_are_installed_once_the_mirror_answers(tmp_path: Path, failures: int) -> None:
    calls, outage, pauses = tmp_path / "calls", tmp_path / "outage", tmp_path / "pauses"
    outage.write_text("x\n" * failures)
    programs = {
        "apt-get": APT_GET.format(calls=calls, outage=outage),
        "sleep": f'#!/bin/sh\necho "$1" >> "{pauses}"\n',
    }
    for name, text in programs.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    done = subprocess.run(
        [PROGRAM, "trafficserver", "python3-boto3"],
        env={"PATH": f"{tmp_path}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0
    *before, last = calls.read_text().splitlines()
    assert last.startswith("--yes ") and last.endswith(" install trafficserver python3-boto3")
    assert len(before) >= failures
    # The first failure hits `apt-get update`, after which the program continues without a pause. The second failure
    # hits an installation, after which the program pauses.
    assert pauses.exists() is (failures > 1)


def test_services_start_after_the_packages_are_installed() -> None:
    for tier in ("shield", "pop"):
        text = (PROGRAM.parents[5] / tier / "machine/cloud-config.yaml").read_text()
        (install,) = [number for number, line in enumerate(text.splitlines()) if "install-packages" in line]
        assert all(number > install for number, line in enumerate(text.splitlines()) if "[systemctl, enable" in line)
