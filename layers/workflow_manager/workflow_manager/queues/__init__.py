"""Adapters of the `MessageQueue` port."""
