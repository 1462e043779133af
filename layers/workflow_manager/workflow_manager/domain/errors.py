"""Every error a use case may raise; ``http/problems.py`` maps each to one status.

ScanHubError
├── InvalidInputError            what the caller sent cannot be used
├── AuthenticationError          no token, or one that nobody vouches for
├── PermissionDeniedError        known caller, not allowed
├── NotFoundError
├── ConflictError                right request, wrong moment
│   ├── InvalidTransitionError   the state machine knows no such move
│   └── VersionConflictError     somebody else wrote first: read again and decide again
├── TurnTakenError               one at a time, and somebody else is
├── PayloadTooLargeError
├── StoreUnavailableError        our own table cannot be read
├── MisconfiguredError           the deployment has a setting that cannot be used
└── UpstreamError                a neighbour, a device or Airflow failed us
    ├── UpstreamRefusedError     it answered, with an error status
    │   └── NeighbourRefusedError    a service of ScanHub, asked with the caller's token
    │       └── LoginExpiredError    it refuses that token
    ├── UpstreamUnreachableError no connection: the request was certainly not carried out
    ├── UpstreamTimeoutError     no answer in time: the outcome is unknown
    ├── MissingPermissionError   AWS or Airflow refuses the deployment itself: no outage
    ├── ForeignContractError     a service of ScanHub is of another generation: no outage
    └── DeviceStartError         a scan was not started, or nobody knows whether it was
"""

from collections.abc import Mapping


class ScanHubError(Exception):
    """Base of all errors of the workflow manager.

    Parameters
    ----------
    detail
        One sentence for a person. Never holds a request or response body.
    reason
        More of it, where `detail` is a text that ScanHub's clients know.
    members
        More of it for programs, by name.
    """

    def __init__(
        self,
        detail: str,
        reason: str | None = None,
        members: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.reason = reason
        self.members = members or {}


class InvalidInputError(ScanHubError):
    """The input cannot be used, whatever the state."""


class AuthenticationError(ScanHubError):
    """Nobody vouches for the caller."""


class PermissionDeniedError(ScanHubError):
    """The caller is known and may not do this."""


class NotFoundError(ScanHubError):
    """What was asked for does not exist, or not for this caller."""


class ConflictError(ScanHubError):
    """The request does not fit the present state."""


class InvalidTransitionError(ConflictError):
    """The state machine has no such move."""


class VersionConflictError(ConflictError):
    """Another writer came first: the same request may succeed when it is sent again."""


class TurnTakenError(ScanHubError):
    """One at a time, and somebody else is: the same request may succeed a moment later."""


class PayloadTooLargeError(ScanHubError):
    """The body is larger than a function may take."""


class StoreUnavailableError(ScanHubError):
    """The state table cannot be read."""


class MisconfiguredError(ScanHubError):
    """The deployment has a setting that cannot be used."""


class UpstreamError(ScanHubError):
    """A service we depend on failed: it answered garbage or not at all."""


class UpstreamRefusedError(UpstreamError):
    """A service answered with an error status.

    Parameters
    ----------
    detail
        One sentence for a person.
    status
        The HTTP status it answered.
    reason
        Why, in one of the texts that we know of it.
    """

    def __init__(self, detail: str, status: int, reason: str | None = None) -> None:
        super().__init__(detail, reason)
        self.status = status


class NeighbourRefusedError(UpstreamRefusedError):
    """A service of ScanHub refused what the caller may ask of it: its status is the caller's.

    Parameters
    ----------
    detail
        One sentence for a person.
    status
        The HTTP status it answered.
    is_own
        Whether it said so in words that only the service itself has: a proxy before it, or another
        service at its address, answers with the same statuses.
    """

    def __init__(self, detail: str, status: int, *, is_own: bool = False) -> None:
        super().__init__(detail, status)
        self.is_own = is_own


class LoginExpiredError(NeighbourRefusedError):
    """A service of ScanHub refused the caller's token: logins there end by themselves when idle."""

    def __init__(self) -> None:
        super().__init__("Your login has expired: log in again.", 401)


class UpstreamUnreachableError(UpstreamError):
    """No connection could be made, so nothing was carried out."""


class UpstreamTimeoutError(UpstreamError):
    """No answer came in time, so the outcome is unknown."""


class MissingPermissionError(UpstreamError):
    """AWS or Airflow refuses what the deployment, not the caller, may do: it takes its operator."""

    def __init__(self) -> None:
        super().__init__("The deployment lacks a permission; its operator was told.")


class ForeignContractError(UpstreamError):
    """A service of ScanHub is of another generation than the one that we are deployed for.

    Parameters
    ----------
    service
        The service, by its name.
    spoken, deployed
        The two generations.
    """

    def __init__(self, service: str, spoken: str, deployed: str) -> None:
        super().__init__(f"{service} speaks {spoken}, deployed for {deployed}")


class DeviceStartError(UpstreamError):
    """A device did not start, or did not confirm it.

    Parameters
    ----------
    reason
        What happened, in one or two sentences for the operator; `detail` is ScanHub's own text.
    may_scan
        Whether the device may be scanning all the same.
    """

    def __init__(self, reason: str, *, may_scan: bool = False) -> None:
        super().__init__("Error at starting device task.", reason)
        self.reason: str = reason
        self.may_scan = may_scan
