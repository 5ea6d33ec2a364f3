"""The Pulumi program that prepares an AWS account. The program creates the bucket and the KMS key for Pulumi's state,
and the IAM roles with which GitHub's workflows deploy.

The Pulumi program that deploys the stacks needs these resources before its first `pulumi up`. Each AWS account has one
bootstrap stack.
"""
