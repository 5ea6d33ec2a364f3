"""Checks the accounts of a stack before its first `pulumi up`: credentials, names, quotas, DNS and settings.

A first deployment creates about 200 resources in half an hour. The checks find problems in seconds that would make the
deployment fail halfway. The checks change nothing, and need no permissions in addition to those of the deployment.
"""
