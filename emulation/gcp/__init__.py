"""Emulates Google Cloud: the administrative REST APIs of the resources that the project creates. README.md lists these
resources.
"""
