"""The Python client of ScanHub's workflow manager."""

from scanhub_workflow.client import Client
from scanhub_workflow.doctor import Check, Expectation, Outcome, conclude, examine
from scanhub_workflow.errors import ApiError, DownloadError, ScanHubError, UploadError
from scanhub_workflow.progress import DownloadProgress
from scanhub_workflow.retry import Clock, Retry
from scanhub_workflow.uploads import UploadProgress
from scanhub_workflow.version import __version__

__all__ = [
    "ApiError",
    "Check",
    "Client",
    "Clock",
    "DownloadError",
    "DownloadProgress",
    "Expectation",
    "Outcome",
    "Retry",
    "ScanHubError",
    "UploadError",
    "UploadProgress",
    "__version__",
    "conclude",
    "examine",
]
