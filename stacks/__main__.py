"""The Pulumi program of all stacks. stacks/network.py says which resources a stack has."""

from stacks.config import load_current
from stacks.network import compose

compose(load_current())
