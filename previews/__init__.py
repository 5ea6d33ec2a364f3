"""What `pulumi up` would do to each stack, whether the policies allow it, and the recorded releases."""
