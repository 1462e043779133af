"""The queue that `trigger_airflow` serves: SQS."""
