"""Parsers of AWS events into typed commands."""
