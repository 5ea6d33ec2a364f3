"""Brings what was published to its readers where the publisher could not: settles the outbox, a pass a minute.

Runs as an AWS Lambda function, of this directory and those modules of registry/ that it imports. How a change reaches
its readers: docs/publish-to-visible.md.
"""
