"""Emulates the clouds on one machine: the clouds' APIs, DNS and machines, the Pulumi providers of the clouds, and the
Pulumi engine that uses these providers.
"""
