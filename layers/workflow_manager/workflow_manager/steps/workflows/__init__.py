"""Steps of whole workflows."""
