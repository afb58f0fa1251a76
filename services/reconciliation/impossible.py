"""Reports that could not be: each a mismatch until the trader settles it (invariant 7).

Pure: a fold of the journal, so that a restart forgets none."""

from collections.abc import Iterable, Mapping
from decimal import Decimal

from db.model.event import Event
from db.model.reconciliation import Mismatch, MismatchKind

Reports = Mapping[str, Mismatch]
"""By key. A report that is told again has the same key."""


def after(reports: Reports, events: Iterable[Event]) -> dict[str, Mismatch]:
    """All of them once `events` count. Which are settled, `MismatchIgnored` says."""
    known = dict(reports)
    for event in events:
        if event.kind == "TransitionRefused" and event.client_order_id and event.symbol:
            found = _mismatch(event)
            known.setdefault(found.key, found)
    return known


def _mismatch(event: Event) -> Mismatch:
    why = str(event.payload["why"])
    filled = event.payload.get("filled_qty")
    return Mismatch(
        kind=MismatchKind.IMPOSSIBLE_REPORT,
        account=event.account or "",
        subject=f"{event.client_order_id}: {why}",
        symbol=event.symbol or "",
        ours=None,
        broker=None if filled is None else Decimal(filled),
        explanation=(
            f"The broker reported of order {event.client_order_id} what can't be: {why}. Our book "
            f"was not changed and {event.symbol} is locked. Compare the order with the broker's "
            "own page, then ignore this with a reason."
        ),
    )
