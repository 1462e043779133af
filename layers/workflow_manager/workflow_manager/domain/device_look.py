"""What device-manager shows of a device that should scan, and what may be concluded from it."""

from datetime import datetime, timedelta
from typing import Self

from pydantic import AwareDatetime, BaseModel, ConfigDict

from workflow_manager.domain.exam import Device, ExamTask

# So long neither progress nor word has changed before a device that does not scan is believed.
QUIET_TIME = timedelta(minutes=5)
# Between our clock and ScanHub's, and the minute between two looks.
CLOCK_SLACK = timedelta(minutes=2)

ERROR, READY, DISCONNECTED, OTHER = "error", "ready", "disconnected", "other"
# A device that says that it goes away may scan on, as one whose socket dropped.
_WORDS = {each: each for each in (ERROR, READY, DISCONNECTED)} | {"offline": DISCONNECTED}

SAID_ERROR = "The scanner has reported an error. Look at its console before you start again."
NO_WORD = "No word from the scanner for {minutes} minutes; device-manager shows it as {word}."
LOOK_FIRST = "Look at the scanner before you start again."


class DeviceLook(BaseModel):
    """What the last look at a scan in progress has found.

    Attributes
    ----------
    attempt
        Of which it speaks: a release that does not know this starts the next one and leaves it.
    moved_at
        When progress or word was last seen to change.
    word
        One of ours, for a device's own may be any text; None: device-manager was not asked yet.
    said_at
        When the device said it, naive server-local: only good for telling two words apart.
    has_spoken
        Whether the device has certainly said something since the attempt began: what it said
        before tells nothing, and some devices never speak to device-manager.
    """

    model_config = ConfigDict(frozen=True)

    attempt: int
    moved_at: AwareDatetime
    word: str | None = None
    said_at: str | None = None
    has_spoken: bool = False

    @property
    def may_scan(self) -> bool:
        """Whether the device may scan, all the same: nobody but itself says that it does not."""
        return self.word == DISCONNECTED

    def move(self, at: datetime) -> Self:
        """Return the look once progress has changed."""
        return self.model_copy(update={"moved_at": at})

    def follow(self, device: Device, *, is_news: bool, at: datetime) -> Self:
        """Return the next look, at which device-manager shows `device`.

        Parameters
        ----------
        is_news
            Whether the device has certainly said it since the attempt began.
        """
        word = _WORDS.get(device.status.strip().lower(), OTHER)
        said_at = device.datetime_updated.isoformat() if device.datetime_updated else None
        is_same = (word, said_at) == (self.word, self.said_at)
        has_changed = self.word is not None and not is_same
        return self.model_copy(
            update={
                "moved_at": self.moved_at if is_same else at,
                "word": word,
                "said_at": said_at,
                "has_spoken": self.has_spoken or is_news or has_changed,
            }
        )

    def find_end(self, at: datetime, *, is_sdk: bool, has_moved: bool) -> str | None:
        """Return why the scan is over, or None if nobody can tell.

        Parameters
        ----------
        is_sdk
            Whether the device takes its orders from device-manager, which so hears from it.
        has_moved
            Whether the attempt has made progress: an SDK says so together with its word.
        """
        has_spoken = self.has_spoken or (is_sdk and has_moved)
        if self.word == ERROR and has_spoken:
            return SAID_ERROR
        is_believed = is_sdk or has_spoken
        if self.word in (None, OTHER) or not is_believed or at - self.moved_at < QUIET_TIME:
            return None
        minutes = QUIET_TIME // timedelta(minutes=1)
        return f"{NO_WORD.format(minutes=minutes, word=self.word)} {LOOK_FIRST}"


def is_later(device: Device, task: ExamTask, age: timedelta) -> bool:
    """Tell whether a device has spoken since its task was last written, by ScanHub's own clock.

    Parameters
    ----------
    age
        For how long at most nobody has written to the task: two servers may be in two time zones,
        and what seems to be news is then hours apart.
    """
    said_at, written_at = device.datetime_updated, task.datetime_updated
    if said_at is None or written_at is None or bool(said_at.tzinfo) != bool(written_at.tzinfo):
        return False
    return timedelta(0) < said_at - written_at <= age + CLOCK_SLACK
