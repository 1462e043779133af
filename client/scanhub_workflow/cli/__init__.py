"""The command line: ``scanhub-workflow``."""

from scanhub_workflow.cli.main import app, main

__all__ = ["app", "main"]
