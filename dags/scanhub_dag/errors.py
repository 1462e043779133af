"""What ends a run at once."""


class RunError(Exception):
    """Ends the run without another try; the message is a sentence for the operator.

    It never holds patient data: no names, no values of a file's header that could identify anybody.
    """
