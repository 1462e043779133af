"""Count what comes into the data lake."""

from workflow_manager.domain.data_lake import ObjectVersion
from workflow_manager.observability import MetricUnit, metrics


def count_upload(data: ObjectVersion) -> None:
    """Count the size of an object that was taken in for the first time [bytes].

    Parameters
    ----------
    data
        The object version, as S3's event tells of it.
    """
    if data.size_bytes is not None:
        metrics.add_metric("UploadBytes", MetricUnit.Bytes, data.size_bytes)
