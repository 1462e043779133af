"""The bridge between ScanHub's volume and the data lake: raw data goes up, images come down."""

from scanhub_workflow.bridge.account import ServiceAccount
from scanhub_workflow.bridge.service import Bridge, BridgeSettings

__all__ = ["Bridge", "BridgeSettings", "ServiceAccount"]
