"""Run a DAG without the stack, and show what it would have told the workflow manager."""
