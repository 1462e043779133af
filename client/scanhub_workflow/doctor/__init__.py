"""Find out what is wrong between this computer and a scan in the cloud, one thing at a time."""

from scanhub_workflow.doctor.checks import Check, Outcome, conclude
from scanhub_workflow.doctor.examination import NAMES, Expectation, examine

__all__ = ["NAMES", "Check", "Expectation", "Outcome", "conclude", "examine"]
