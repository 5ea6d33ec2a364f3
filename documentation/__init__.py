"""Builds the documentation as a web site, and generates the pages about commands."""
