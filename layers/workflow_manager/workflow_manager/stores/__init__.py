"""Adapters of the `WorkflowStore` port."""
