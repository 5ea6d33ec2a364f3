"""The policies, one module per subject."""
