"""Steps of DAG runs."""
