"""The file of the policy pack that the Pulumi engine runs. `serve` runs until the engine ends the process."""

from policies.framework.serve import serve
from policies.pack import POLICIES, RENAMED

serve("artifact-edge", POLICIES, RENAMED)
