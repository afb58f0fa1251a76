"""Raises each alert once per condition and subject, and clears it without flapping (spec 6). Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from types import MappingProxyType

from db.model.alert import Alert, AlertSeverity
from db.model.base import Noun, Utc
from services.monitoring.conditions import CONDITIONS, Condition
from services.monitoring.situation import Situation
from services.monitoring.watched.observation import Observation

CALM_SECONDS = 30
"""How long a condition must have been over before its alert clears."""


class Watch(Noun):
    """What the monitor remembers between two looks."""

    open: dict[str, Alert] = {}
    """By Alert.key."""
    calm_since: dict[str, Utc] = {}
    """Since when the condition of an open alert has been over."""


@dataclass(frozen=True)
class Change:
    """What one look changed: alerts newly raised, and ended ones with `cleared_at` set."""

    watch: Watch
    raised: tuple[Alert, ...]
    cleared: tuple[Alert, ...]


def look(
    before: Watch, now: Situation, unwritten: Mapping[str, Alert] = MappingProxyType({})
) -> Change:
    """Judge every condition. An alert is raised once per key until it clears; it clears when its
    condition has been over for CALM_SECONDS, or when what it was about is gone. `unwritten`: by key,
    raised at a look before and not written down: it keeps its id and its time."""
    raised: dict[str, Alert] = {}
    seen: dict[str, Observation] = {}
    for condition in CONDITIONS.values():
        for observation in condition.watch(now):
            key = f"{condition.id}:{observation.subject}"
            seen[key] = observation
            if observation.on and key not in before.open:
                raised[key] = unwritten.get(key) or _alert(condition, observation, now.at)
    calm_since: dict[str, datetime] = {}
    cleared: dict[str, Alert] = {}
    for key, alert in before.open.items():
        found = seen.get(key)
        if found is None:  # what it was about is gone: position sold, order closed
            cleared[key] = alert.model_copy(update={"cleared_at": now.at})
        elif found.over:
            since = before.calm_since.get(key, now.at)
            if (now.at - since).total_seconds() >= CALM_SECONDS:
                cleared[key] = alert.model_copy(update={"cleared_at": now.at})
            else:
                calm_since[key] = since
    still = {key: alert for key, alert in before.open.items() if key not in cleared}
    watch = Watch(open=still | raised, calm_since=calm_since)
    return Change(watch, tuple(raised.values()), tuple(cleared.values()))


def _alert(condition: Condition, observation: Observation, at: datetime) -> Alert:
    named = f"{condition.id}:{observation.subject}@{at.isoformat()}"
    return Alert(
        alert_id=f"al-{sha256(named.encode()).hexdigest()[:10]}",
        condition=condition.id,
        subject=observation.subject,
        severity=condition.severity,
        raised_at=at,
        sentence=condition.sentence.format_map(observation.values),
        values=observation.values,
        suggested_action=condition.action,
    )


def escalating(alerts: Iterable[Alert], now: datetime, after: timedelta) -> tuple[Alert, ...]:
    """Critical alerts that hold and that nobody acknowledged, `after` they were last raised."""
    return tuple(
        alert
        for alert in alerts
        if alert.severity is AlertSeverity.CRITICAL
        and alert.acknowledged_at is None
        and alert.cleared_at is None
        and now - (alert.escalated_at or alert.raised_at) >= after
    )


def restored(alerts: Iterable[Alert]) -> Watch:
    """The memory after a restart: the alerts that have not cleared."""
    return Watch(open={alert.key: alert for alert in alerts if alert.cleared_at is None})


def acknowledged(watch: Watch, alert_id: str, at: datetime) -> Watch:
    """The trader saw it. It stays open until its condition is over. KeyError when none is open."""
    for key, alert in watch.open.items():
        if alert.alert_id == alert_id:
            seen = alert.model_copy(update={"acknowledged_at": alert.acknowledged_at or at})
            return watch.model_copy(update={"open": {**watch.open, key: seen}})
    raise KeyError(alert_id)
