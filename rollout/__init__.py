"""Releases a new version of the edge worker to a growing percentage of the requests: `python -m rollout`."""


class RolloutError(Exception):
    """Raised when a command of `python -m rollout` cannot continue, for example because another release is under way.
    The message says what the operator can do.
    """
