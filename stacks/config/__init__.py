"""Stack config: the accepted keys and values, and the messages for mistakes.

All checks of the config run before the first resource is registered. The checks report all mistakes at once, one line
each.
"""

from stacks.config.loading import ConfigError, Stack, load, load_current
from stacks.config.messages import NAMESPACE
from stacks.config.sections import Blobs, StackConfig

__all__ = ["NAMESPACE", "Blobs", "ConfigError", "Stack", "StackConfig", "load", "load_current"]
