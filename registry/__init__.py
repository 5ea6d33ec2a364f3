"""The operator's tool: keys between the tiers, packages, tokens and grants."""


class RegistryError(Exception):
    """What the operator gave cannot be used, or a cloud refused; the message names the thing and the way out."""
