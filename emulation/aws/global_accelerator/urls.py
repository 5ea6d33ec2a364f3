"""The URLs of Global Accelerator, in the form that moto reads."""

from __future__ import annotations

from emulation.aws.global_accelerator.responses import GlobalAcceleratorResponse

url_bases = [r"https?://globalaccelerator\.(.+)\.amazonaws\.com"]
url_paths = {"{0}/$": GlobalAcceleratorResponse.dispatch}
