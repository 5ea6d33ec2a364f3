"""What the engine starts. `PolicyPack` serves until it is ended, so nothing else stands here."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # Pulumi starts this file in its own directory

from pulumi_policy import EnforcementLevel, PolicyPack

from policies.pack import POLICIES

PolicyPack("artifact-edge", enforcement_level=EnforcementLevel.MANDATORY, policies=POLICIES)
