"""The table of calls that lack a permission, beside the twins that `deny` makes of losses."""

from tests.integration.contract.data_cells import (
    ABORT,
    COMPLETE,
    CREATE,
    RESULTS,
    SHOW_UPLOAD,
    TASKS,
    UPLOAD,
)
from tests.integration.contract.denials import denial
from tests.integration.contract.listing_cells import DICOM
from tests.integration.contract.task_cells import PROCESSING, SCANNING, WAITING

CELLS = [
    denial(TASKS, "secret of the login", 503),
    # The data is kept; its run waits until somebody mends the role.
    denial(UPLOAD, "secret of the login", 200),
    denial(UPLOAD, "bucket", 503),
    denial(CREATE, "secret of the login", 201),
    denial(CREATE, "bucket", 503),
    denial(SHOW_UPLOAD, "bucket", 503, **SCANNING),
    denial(COMPLETE, "bucket", 503, **SCANNING),
    denial(ABORT, "bucket", 503, **SCANNING),
    denial(DICOM, "bucket", 503, ours="COMPLETED"),
    denial(PROCESSING, "secret of the login", 200, **(WAITING | {"exams": "NEW"})),
    denial(RESULTS, "secret of the login", 200, ours="COMPLETED", run="SUCCEEDED"),
]
