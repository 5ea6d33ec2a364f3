"""Makes the emulated EC2 start without moto's own list of machine images.

moto loads more than a thousand images for each region. The emulation needs none of them: the handler of the data source
`aws:ec2/getAmi:getAmi` registers the images that a Pulumi program looks up.
"""

from __future__ import annotations

from collections.abc import Mapping

# This environment variable keeps moto from loading its own list of machine images (moto, "EC2").
WITHOUT_IMAGES: Mapping[str, str] = {"MOTO_EC2_LOAD_DEFAULT_AMIS": "false"}
