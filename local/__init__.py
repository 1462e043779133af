"""The laptop stack: the real template, a real Airflow and a stand-in for ScanHub on loopback."""
