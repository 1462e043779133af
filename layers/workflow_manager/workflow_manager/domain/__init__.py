"""The rules of scans, reconstructions and their state: standard library and pydantic only."""
