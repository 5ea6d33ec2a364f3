"""The file that the engine starts; `serve` runs until the engine ends it."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # Pulumi starts this file in its own directory

from policies.framework.serve import serve
from policies.pack import POLICIES, RENAMED

serve("artifact-edge", POLICIES, RENAMED)
