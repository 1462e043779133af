"""ScanHub Workflow Manager: one pure domain, use cases around it, AWS and Airflow at the edge."""
