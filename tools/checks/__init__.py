"""The checks before a deployment: each yields one line or a few, and changes nothing."""
