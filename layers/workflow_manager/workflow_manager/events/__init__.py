"""Raw AWS events become typed commands."""
