"""The outbox relay: once a minute, it delivers published changes that the publisher could not deliver to readers.

The relay runs as an AWS Lambda function. The archive of the function holds this directory, and the modules of registry/
that this directory imports. docs/publish-to-visible.md describes how a change reaches its readers.
"""
