"""What the trader must know, raised once per condition until it clears (spec 6)."""

from enum import StrEnum

from db.model.base import Noun, Utc


class AlertSeverity(StrEnum):
    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


class Alert(Noun):
    alert_id: str
    condition: str
    """Condition and subject name it: `stop_hit`, `price_stale`, `order_unknown`…"""
    subject: str
    severity: AlertSeverity
    raised_at: Utc
    sentence: str
    values: dict[str, str] = {}
    suggested_action: str = ""
    acknowledged_at: Utc | None = None
    escalated_at: Utc | None = None
    """When it was last raised again because nobody acknowledged it; critical ones only."""
    cleared_at: Utc | None = None

    @property
    def key(self) -> str:
        """One open alert per key."""
        return f"{self.condition}:{self.subject}"
