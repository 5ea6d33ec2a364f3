"""Previews the changes to each stack, with policy checks, on emulated clouds. Records the releases that upgrades start
from.
"""
