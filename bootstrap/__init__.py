"""The Pulumi program that prepares an AWS account: it creates the bucket and the KMS key for Pulumi's state, and the
IAM roles that GitHub's workflows deploy with.

The Pulumi program of the network needs these resources before its first `pulumi up`. Each AWS account has one bootstrap
stack.
"""
