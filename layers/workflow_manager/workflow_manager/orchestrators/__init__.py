"""Adapters of the `Orchestrator` port."""
