"""Lambda functions: how their code is packed, and what each is given with a role, a log and secrets of its own."""
