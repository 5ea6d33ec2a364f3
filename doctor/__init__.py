"""Checks the accounts of a stack before its first `pulumi up`: credentials, names, quotas, DNS and settings.

A first deployment creates about 200 resources in half an hour. In a few seconds, the checks find problems that would
make the deployment fail halfway. The checks change nothing, and need only permissions that the deployment also needs.
"""
