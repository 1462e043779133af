"""One login, and what stands on it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import httpx

from scanhub_workflow.bridge.account import ServiceAccount
from scanhub_workflow.bridge.api import BridgeApi
from scanhub_workflow.bridge.exam_manager import ExamManager, Generation
from scanhub_workflow.retry import Retry


@dataclass(frozen=True)
class Addresses:
    """Where everything is, and how it is reached.

    Parameters
    ----------
    url
        Of the API, up to ``/workflowmanager``.
    scanhub_url
        Of ScanHub's gateway, or of exam-manager itself.
    transport, storage_transport
        How to reach all of them but S3, and S3; httpx's own if left out.
    """

    url: str
    scanhub_url: str
    transport: httpx.BaseTransport | None = field(default=None, repr=False)
    storage_transport: httpx.BaseTransport | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Connection:
    """API and exam-manager on behalf of the service account, until its token ends."""

    api: BridgeApi
    exam: ExamManager
    generation: Generation

    @classmethod
    def open(cls, addresses: Addresses, account: ServiceAccount, retry: Retry) -> Connection:
        """Log in, and find out which contract exam-manager speaks.

        Raises
        ------
        ScanHubError
            Something is wrong, or away.
        """
        token = account.log_in(addresses.transport)
        # Each look asks again.
        patience = replace(retry, n_attempts=min(retry.n_attempts, 3))
        exam = ExamManager(addresses.scanhub_url, token, patience, addresses.transport)
        generation = exam.find_generation()
        api = BridgeApi(
            addresses.url, token, retry, addresses.transport, addresses.storage_transport
        )
        return cls(api, exam, generation)

    def close(self) -> None:
        """Close all connections."""
        self.api.close()
        self.exam.close()
