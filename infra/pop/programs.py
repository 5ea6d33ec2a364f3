"""Programs of PoP machines that are not in user data, because user data has little room. A machine fetches these
programs from a shield (a regional cache machine), and needs none of them until then. One object at the origin contains
all these programs. The user data of a machine contains only the SHA-256 digest of this object.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from infra.machines.user_data import MACHINE_FILES, files_below

_FILES = Path(__file__).parent / "machine" / "programs"
# Programs that PoP machines share with shield machines (regional caches). Shield machines get these programs in their
# user data.
SHARED = ("check-health",)


def bundle() -> str:
    """Returns a JSON object that maps the name of each program of PoP machines to the program's source code. The same
    programs always give the same JSON.
    """
    shared = [MACHINE_FILES / "usr/local/sbin" / name for name in SHARED]
    return json.dumps({file.name: file.read_text() for file in [*shared, *sorted(files_below(_FILES))]})


def digest() -> str:
    return hashlib.sha256(bundle().encode()).hexdigest()
