"""Releases of the edge worker by percentage: `python -m rollout`."""


class RolloutError(Exception):
    """Raised when a release cannot go on. The message says what to do."""
