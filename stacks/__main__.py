"""Creates the stack that Pulumi deploys; stacks/network.py says what it is made of."""

from stacks.config import load_current
from stacks.network import compose

compose(load_current())
