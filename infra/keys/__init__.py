"""The keys that encrypt what is kept: one a stack and cloud, so that whoever may read data is said in two places."""
