"""What Airflow answers, and whether it is Airflow's answer at all."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from workflow_manager.domain.errors import UpstreamError
from workflow_manager.orchestrators.airflow_api import DagRunDocument, Page
from workflow_manager.orchestrators.airflow_status import check_success

DETAIL = "Airflow failed."

ModelT = TypeVar("ModelT", bound=BaseModel)
PageT = TypeVar("PageT", bound=Page)


@dataclass(frozen=True)
class Answer:
    """What Airflow answered.

    Attributes
    ----------
    status
        HTTP status.
    content
        The body's JSON; None if it is something else.
    """

    status: int
    content: Any = None

    @property
    def is_airflows(self) -> bool:
        """Whether it is a word of Airflow about what was asked for, and not a proxy's page.

        A server that serves another path answers with a page, or with Starlette's default text.
        """
        return isinstance(self.content, dict) and self.content.get("detail") != "Not Found"

    def read(self, model: type[ModelT]) -> ModelT:
        """Return the content as a model.

        Raises
        ------
        UpstreamError
            It does not fit.
        """
        try:
            return model.model_validate(self.content)
        except ValidationError:
            # Without its cause: pydantic quotes what it was given.
            raise UpstreamError(DETAIL) from None


def check_is_of(answer: Answer, dag_run_id: str) -> None:
    """Raise unless it speaks of this run: a proxy's page has a good status too.

    Raises
    ------
    UpstreamError
        It does not.
    """
    if answer.read(DagRunDocument).dag_run_id != dag_run_id:
        raise UpstreamError(DETAIL)


def read_pages(
    model: type[PageT], ask: Callable[[int], Answer], max_n_pages: int
) -> Iterator[PageT]:
    """Yield the pages of a list, of which `ask` gets the one at an offset."""
    n_read = 0
    for _ in range(max_n_pages):
        answer = ask(n_read)
        check_success(answer.status)
        page = answer.read(model)
        yield page
        n_read += len(page.items)
        if not page.items or n_read >= page.total_entries:
            return
