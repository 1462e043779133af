"""Count what comes into the data lake."""

from workflow_manager.domain.data_lake import ObjectVersion
from workflow_manager.observability import MetricUnit, metrics


def count_upload(data: ObjectVersion) -> None:
    """Count the size [bytes] of an object version that was taken in for the first time."""
    if data.size_bytes is not None:
        metrics.add_metric("UploadBytes", MetricUnit.Bytes, data.size_bytes)
