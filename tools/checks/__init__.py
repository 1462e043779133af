"""What the preflight looks at: each function tells in one line or a few, and changes nothing."""
