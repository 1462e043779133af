"""When an attempt at a task began and ended."""

from pydantic import AwareDatetime, BaseModel, ConfigDict


class AttemptTimes(BaseModel):
    """When an attempt at a task began and ended, as far as it is known.

    Attributes
    ----------
    attempt
        Of which they speak: a release that does not know them starts the next one and leaves them.
    """

    model_config = ConfigDict(frozen=True)

    attempt: int
    started_at: AwareDatetime | None = None
    finished_at: AwareDatetime | None = None
