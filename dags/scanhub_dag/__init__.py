"""The kit for DAGs of the ScanHub Workflow Manager; docs/dags.md shows it at work.

Importing it is quick and needs no Airflow: what takes time is imported when a run is opened.
"""

from scanhub_dag.conf import InputResult
from scanhub_dag.errors import RunError
from scanhub_dag.inputs import Input
from scanhub_dag.run import Run, open_run, report_failure
from scanhub_dag.version import __version__

__all__ = [
    "Input",
    "InputResult",
    "Run",
    "RunError",
    "__version__",
    "open_run",
    "report_failure",
]
