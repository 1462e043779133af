"""What Airflow says of DAG files that it cannot read, in a sentence each."""

import re

from pydantic import BaseModel, Field

from workflow_manager.orchestrators.airflow_api import Page
from workflow_manager.ports import DagImportError

# The newest; whoever has more mends these first.
MAX_N_IMPORT_ERRORS = 20
MAX_ERROR_LENGTH = 300
MAX_FILE_NAME_LENGTH = 200

_FRAME = re.compile(r'^\s+File "([^"]+)", line (\d+)')


class ImportErrorDocument(BaseModel):
    """A DAG file that Airflow cannot read, as Airflow describes it."""

    filename: str | None = None
    stack_trace: str | None = None

    def to_import_error(self) -> DagImportError:
        """Return it as clients list it."""
        # Airflow 3 names the file below its folder of DAGs, Airflow 2 from the root.
        name = (self.filename or "").rpartition("/dags/")[2]
        error = summarize(self.stack_trace or "", name)
        return DagImportError(filename=name[:MAX_FILE_NAME_LENGTH], error=error)


class ImportErrorPage(Page):
    """One page of the list of import errors."""

    items: list[ImportErrorDocument] = Field(alias="import_errors")


def summarize(stack_trace: str, filename: str) -> str:
    """Return what a traceback ends with, and the line of the file that it came to.

    Parameters
    ----------
    stack_trace
        Python's, or any text.
    filename
        The end of the file's path.
    """
    lines = stack_trace.splitlines()
    frames = [(n, found) for n, line in enumerate(lines) if (found := _FRAME.match(line))]
    behind = lines[frames[-1][0] :] if frames else lines
    # An exception's text may have more lines, of which the first says what it is.
    error = next((line for line in behind if line.strip() and not line[0].isspace()), "")
    error = " ".join(error.split()) or "Airflow gives no reason."
    own = [found[2] for _, found in frames if filename and found[1].endswith(filename)]
    place = f" (line {own[-1]})" if own else ""
    return error[: MAX_ERROR_LENGTH - len(place)] + place
