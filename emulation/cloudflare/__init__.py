"""Emulates Cloudflare: its REST API for one account, and its edge network as real processes. README.md describes the
parts.
"""
