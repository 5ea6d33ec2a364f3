"""The edge policy: which packages and versions the edge worker refuses to all clients (docs/edge-policy.md)."""
