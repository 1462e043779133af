"""ScanHub's other services over HTTP."""
