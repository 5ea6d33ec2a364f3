"""The file that the engine starts. `serve` runs until the engine ends the process."""

from policies.framework.serve import serve
from policies.pack import POLICIES, RENAMED

serve("artifact-edge", POLICIES, RENAMED)
