"""Creates the stack that Pulumi deploys; stacks/network.py says what it is made of."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # Pulumi starts this file in its own directory

from stacks.config import load_current
from stacks.network import compose

compose(load_current())
