"""Advisories: known malware and vulnerabilities of packages, imported from OSV records (docs/advisories.md).

Source: the OSV schema 1.7, ossf/osv-schema, docs/schema.md.
"""
