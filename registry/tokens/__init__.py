"""Issues and changes clients' tokens and grants, and repairs the tokens' entries at the edge."""
