"""Where moto finds what answers."""

from __future__ import annotations

from typing import Any

from local.aws.accelerators.responses import AcceleratorResponse

url_bases = [r"https?://globalaccelerator\.(.+)\.amazonaws\.com"]
url_paths: dict[str, Any] = {"{0}/$": AcceleratorResponse.dispatch}
