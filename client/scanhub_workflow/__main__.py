"""``python -m scanhub_workflow``."""

from scanhub_workflow.cli import main

main()
