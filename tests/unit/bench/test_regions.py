"""Tests the config of the stack `prod-40`, a copy of the stack `prod` with 40 regions. The benchmark of `pulumi
preview` uses this stack.
"""

from __future__ import annotations

from typing import Any

import yaml

from bench.chart import Bars, draw
from bench.regions import REGIONS_WANTED, widened
from contract.regions import REGIONS
from local.checkout import CHECKOUT


def test_the_variant_is_prod_with_more_regions_on_both_clouds() -> None:
    prod: dict[str, Any] = yaml.safe_load((CHECKOUT / "stacks" / "Pulumi.prod.yaml").read_text())["config"]
    wide = widened(prod)
    shields: list[dict[str, Any]] = wide.pop("artifact-edge:shields")
    regions = [shield["region"] for shield in shields]
    assert len(set(regions)) == len(regions) == REGIONS_WANTED
    assert {shield["cloud"] for shield in shields if REGIONS[shield["region"]].cloud != shield["cloud"]} == set()
    assert sum(shield["cloud"] == "gcp" for shield in shields) >= 10
    assert shields[:6] == prod.pop("artifact-edge:shields")
    assert wide == prod


def test_bars_share_one_scale() -> None:
    chart = draw("title", [Bars("one & two", [10.0, 5.0]), Bars("other", [20.0])])
    widths = [float(part.split('"')[0]) for part in chart.split('width="')[3:]]
    assert [width / widths[2] for width in widths] == [0.5, 0.25, 1.0]
    assert "one &amp; two" in chart
