"""Emulates the Lambda runtime: runs the deployed code of each function in a separate process."""
