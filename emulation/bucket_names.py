"""Decides which names of new buckets the emulated S3 and Cloud Storage accept. A bucket's name must be unique among all
accounts of a cloud.

Sources: S3 User Guide, "General purpose bucket naming rules"; Cloud Storage, "About Cloud Storage buckets", "Bucket
names".
"""

from __future__ import annotations

import re

from contract.regions import REGIONS

# The message with which S3 and Cloud Storage refuse a new bucket because another account uses its name.
NOT_AVAILABLE = (
    "The requested bucket name is not available. The bucket namespace is shared by all users of the system. "
    "Please select a different name and try again"
)

_FORM = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_ADDRESS = re.compile(r"\d+\.\d+\.\d+\.\d+")

_S3_PREFIXES = ("xn--", "sthree-", "amzn-s3-demo-")
_S3_SUFFIXES = ("-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3")
_NOT_ON_GOOGLE = re.compile(r"^goog|g[o0][o0]g[l1]e")

# Bucket names that belong to other accounts in the emulated clouds. They are the names that a stack would use if its
# config did not add the name of the organization. On the real clouds, another user of this project may own these
# buckets.
_TAKEN = re.compile(rf"artifact-edge-[a-z0-9]+(-standby|-code)?(-logs)?-({'|'.join(REGIONS)})")
# The names of two buckets with public data sets, on S3 and on Cloud Storage (Registry of Open Data on AWS; Cloud
# Storage, "Public datasets"). Other accounts own these buckets on the real clouds too. The tests in `probes/` use the
# names to check how the real clouds refuse a bucket whose name is taken.
_PUBLIC_DATA_SETS = frozenset({"commoncrawl", "gcp-public-data-landsat"})


def is_taken(name: str) -> bool:
    """Returns whether another account of the emulated cloud owns a bucket of this name."""
    return name in _PUBLIC_DATA_SETS or _TAKEN.fullmatch(name) is not None


def is_valid_on_s3(name: str) -> bool:
    """Returns whether S3 accepts the name for a general purpose bucket."""
    return _is_well_formed(name) and not name.startswith(_S3_PREFIXES) and not name.endswith(_S3_SUFFIXES)


def is_valid_on_cloud_storage(name: str) -> bool:
    """Returns whether Cloud Storage accepts the name of a bucket. The check is stricter than Cloud Storage in one
    respect: it rejects underscores.
    """
    return _is_well_formed(name) and not _NOT_ON_GOOGLE.search(name)


def _is_well_formed(name: str) -> bool:
    return bool(_FORM.fullmatch(name)) and ".." not in name and not _ADDRESS.fullmatch(name)
