"""Previews the changes to each stack, with policy checks, on emulated clouds. Also records each stack's state at a
release. Later previews of upgrades start from this state.
"""
