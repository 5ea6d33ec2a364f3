"""The operator's tool: keys between the tiers, packages, tokens and grants."""
