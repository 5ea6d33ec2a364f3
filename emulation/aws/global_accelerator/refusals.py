"""The errors with which the emulated Global Accelerator refuses requests."""

from __future__ import annotations


class Refused(Exception):
    """Raised when Global Accelerator refuses a request. `code` is the error code of the API."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def invalid(message: str) -> Refused:
    return Refused("InvalidArgumentException", message)


def not_emulated(what: str) -> Refused:
    """Returns the error for a request that is valid on AWS but not supported by the emulation. `what` is the name of
    the feature.
    """
    return Refused("InvalidArgumentException", f"not emulated: {what}")
