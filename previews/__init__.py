"""Previews of the changes to each stack, with policy checks, and the recorded releases that upgrades start from."""
