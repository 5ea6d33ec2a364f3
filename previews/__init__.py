"""Previews the changes to each stack on emulated clouds, and checks them against the policies. Also records the state
of each stack at a release. Previews of later upgrades start from the recorded state.
"""
