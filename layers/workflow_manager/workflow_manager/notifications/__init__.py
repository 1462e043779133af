"""Buses on which others hear of state changes."""
