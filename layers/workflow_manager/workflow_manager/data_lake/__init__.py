"""Adapters of the `DataLake` port."""
