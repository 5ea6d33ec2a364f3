"""Stack config: what it may say, and what is said to whoever gets it wrong.

Everything is checked before the first resource is registered, and all that is wrong is reported at once, one line each.
"""

from stacks.config.loading import ConfigError, Stack, load, load_current
from stacks.config.messages import NAMESPACE
from stacks.config.sections import Blobs, StackConfig

__all__ = ["NAMESPACE", "Blobs", "ConfigError", "Stack", "StackConfig", "load", "load_current"]
