"""The entry point of the policy pack. The Pulumi engine starts this module in a process of its own. `serve` answers the
engine's requests until the engine ends the process.
"""

from policies.framework.serve import serve
from policies.pack import POLICIES, RENAMED

serve("artifact-edge", POLICIES, RENAMED)
