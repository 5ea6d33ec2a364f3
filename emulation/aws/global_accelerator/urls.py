"""Lists the URLs of Global Accelerator. moto reads `url_bases` and `url_paths` from this module."""

from __future__ import annotations

from emulation.aws.global_accelerator.responses import GlobalAcceleratorResponse

url_bases = [r"https?://globalaccelerator\.(.+)\.amazonaws\.com"]
url_paths = {"{0}/$": GlobalAcceleratorResponse.dispatch}
