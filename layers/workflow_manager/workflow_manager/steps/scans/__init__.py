"""Steps of device tasks."""
