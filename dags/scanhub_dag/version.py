"""Which kit this is."""

NAME, __version__ = "scanhub_dag", "0.1.0"
