"""What is wrong with an engine."""

from scanhub_reconstruction.model import RawDataError


class EngineError(RawDataError):
    """The engine made no images that can be used; the message is a sentence for the operator."""
