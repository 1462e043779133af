"""ScanHub Workflow Manager: one pure domain, use cases around it, AWS and Airflow at the edge."""

from workflow_manager.runtime import begin_init

# This must come before anything large is imported.
begin_init()
