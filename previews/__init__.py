"""Previews the changes to each stack, with policy checks, on emulated clouds. Also records the state of each stack at a
release, from which later previews of upgrades start.
"""
