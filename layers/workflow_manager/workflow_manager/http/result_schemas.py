"""The results of a run as clients see them."""

from datetime import datetime

from pydantic import BaseModel, Field

from workflow_manager.domain.dag_run import DagRun, DagRunState
from workflow_manager.domain.download import ResultFile
from workflow_manager.domain.exam import ResultType
from workflow_manager.domain.listing import Page
from workflow_manager.domain.result import Fact
from workflow_manager.http.list_schemas import NextCursor


class ResultView(BaseModel):
    """A file of a run. Whoever holds one of its URLs can read it, without a token."""

    type: ResultType | None = Field(description="null for a picture that the DAG did not report.")
    key: str
    size_bytes: int | None = Field(description="[bytes]; null if the file is not there.")
    metadata: dict[str, Fact] = Field(description="Technical facts, as the DAG reported them.")
    url: str | None = Field(description="GET saves the file; null if `unavailable_reason` says so.")
    unavailable_reason: str | None
    preview_key: str | None
    preview_url: str | None = Field(
        description="GET shows a picture; null if it is not there, or not in the run's folder."
    )


class ResultList(BaseModel):
    """A page of the files of a run, by key; none before the run has succeeded."""

    dag_run_id: str
    state: DagRunState
    expires_at: datetime = Field(description="The URLs work until then at the latest.")
    results: list[ResultView]
    next_cursor: NextCursor

    @classmethod
    def of(cls, run: DagRun, page: Page[ResultFile], expires_at: datetime) -> "ResultList":
        """Return the view of a page."""
        return cls(
            dag_run_id=run.dag_run_id,
            state=run.state,
            expires_at=expires_at,
            results=[ResultView.model_validate(file, from_attributes=True) for file in page.items],
            next_cursor=page.next_cursor,
        )
