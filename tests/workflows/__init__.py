"""Runs jobs of the repository's GitHub workflows in a new user account."""
