"""What ScanHub's contract of 2026-02 ("generation C") does otherwise than that of 2025-03."""
