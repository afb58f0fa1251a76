"""Checks of what somebody suggests, before it is an order: reports, recommendations, signals."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

from db.model.idea import Direction, Idea
from db.model.plan import Finding, Severity
from services.risk.case import Case, Findings, cannot, found, passed, percent

Look = Callable[[Idea], Finding | None]


def _each(case: Case, check: str, look: Look, all_well: str) -> Findings:
    """`look` at every idea of the plan; nothing at all where it carries none out."""
    if not case.ideas:
        return
    wanting = [finding for idea in case.ideas if (finding := look(idea)) is not None]
    yield from wanting or [passed(check, all_well)]


def _severity(case: Case, idea: Idea) -> Severity:
    """An idea that only takes a holding down is getting out: never blocked."""
    steps = [step for step in case.steps if idea.ticker in (step.symbol, step.underlying)]
    return Severity.WARN if steps and all(map(case.reduces, steps)) else Severity.BLOCK


def signal_fresh(case: Case) -> Findings:
    """A signal acts within its time or not at all. Ideas that are no signals do not age."""
    check, limit = "signal_fresh", case.facts.policy.signal_stale_seconds

    def look(idea: Idea) -> Finding | None:
        if not idea.signal_type:
            return None
        severity = _severity(case, idea)
        if idea.at is None:
            return cannot(check, severity, idea.ticker, "the signal does not say when it was made")
        age = (case.facts.now - idea.at).total_seconds()
        if age <= limit:
            return None
        message = (
            f"The signal {idea.id} for {idea.ticker} is {age:.0f} s old; {limit} s are allowed."
        )
        return found(check, severity, idea.ticker, message, age=Decimal(int(age)), limit=str(limit))

    yield from _each(case, check, look, "Every signal is fresh.")


def signal_unique(case: Case) -> Findings:
    """The same source, ticker, direction and type within the policy's seconds is the same signal."""
    check, facts = "signal_unique", case.facts
    window = timedelta(seconds=facts.policy.signal_repeat_seconds)

    def same(one: Idea, other: Idea) -> bool:
        near = one.at is None or other.at is None or abs(one.at - other.at) <= window
        return near and _about(one) == _about(other)

    def look(idea: Idea) -> Finding | None:
        if not idea.signal_type:
            return None
        place = case.ideas.index(idea)
        twin = next((o for o in (*facts.heard, *case.ideas[:place]) if same(idea, o)), None)
        if twin is None:
            return None
        message = f"The signal {idea.id} for {idea.ticker} repeats {twin.id} from {twin.source}."
        return found(check, _severity(case, idea), idea.ticker, message, twin=twin.id)

    yield from _each(case, check, look, "No signal is there twice.")


def _about(idea: Idea) -> tuple[str, str, Direction, str]:
    return idea.source, idea.ticker, idea.direction, idea.signal_type


def conviction(case: Case) -> Findings:
    """What is suggested must be believed in."""
    check, least = "conviction", case.facts.policy.min_conviction
    if least is None:
        return

    def look(idea: Idea) -> Finding | None:
        severity = _severity(case, idea)
        if idea.conviction is None:
            why = f"{idea.ticker} comes without a conviction score"
            return cannot(check, severity, idea.ticker, why)
        if idea.conviction >= least:
            return None
        message = (
            f"Conviction in {idea.ticker} is {idea.conviction:f}, under the minimum of {least:f}."
        )
        return found(
            check, severity, idea.ticker, message, conviction=idea.conviction, minimum=least
        )

    yield from _each(case, check, look, f"Every conviction is at least {least:f}.")


def sector_rank(case: Case) -> Findings:
    """What is bought belongs to a sector that the analysis ranks well."""
    check, worst = "sector_rank", case.facts.policy.worst_sector_rank
    if worst is None:
        return

    def look(idea: Idea) -> Finding | None:
        if idea.direction is Direction.SHORT:
            return None
        severity = _severity(case, idea)
        sector = case.facts.sector(idea.ticker)
        rank = case.facts.rank(sector)
        if rank is None:
            why = f"the rank of {sector} is not known (load a market analysis)"
            return cannot(check, severity, idea.ticker, why)
        if rank <= worst:
            return None
        message = f"{sector} ranks {rank}, and {idea.ticker} belongs to it; {worst} or better is asked for."
        return found(check, severity, idea.ticker, message, rank=str(rank), worst=str(worst))

    yield from _each(case, check, look, f"Every sector ranks {worst} or better.")


def conflicting_signal(case: Case) -> Findings:
    """Nobody goes long and short on one ticker at once."""
    check, facts = "conflicting_signal", case.facts
    window = timedelta(seconds=facts.policy.signal_repeat_seconds)

    def against(one: Idea, other: Idea) -> bool:
        near = one.at is None or other.at is None or abs(one.at - other.at) <= window
        return one.ticker == other.ticker and one.direction is not other.direction and near

    def look(idea: Idea) -> Finding | None:
        other = next((o for o in (*facts.heard, *case.ideas) if against(idea, o)), None)
        if other is None:
            return None
        message = f"{idea.ticker} is suggested {idea.direction} and {other.direction} at once: {idea.id or idea.source} against {other.id or other.source}."
        return found(check, _severity(case, idea), idea.ticker, message, against=other.id)

    yield from _each(case, check, look, "No idea stands against another.")


def duplicate_ticker(case: Case) -> Findings:
    """What is held already is added to only while it gains."""
    check, facts = "duplicate_ticker", case.facts

    def look(idea: Idea) -> Finding | None:
        sign = 1 if idea.direction is Direction.LONG else -1
        held = [
            p for p in facts.portfolio.positions if p.symbol == idea.ticker and p.qty * sign > 0
        ]
        if not held:
            return None
        price, severity = facts.price(idea.ticker), _severity(case, idea)
        if price is None or not all(p.avg_entry_price for p in held):
            why = f"{idea.ticker} is held, and nobody knows whether it gains"
            return cannot(check, severity, idea.ticker, why)
        qty = sum((abs(p.qty) for p in held), Decimal(0))
        cost = sum((abs(p.qty) * p.avg_entry_price for p in held), Decimal(0)) / qty
        gain = (price / cost - 1) * sign
        if gain > 0:
            return None
        message = f"{idea.ticker} is held already and stands at {percent(gain)}: only a winner is added to."
        return found(check, severity, idea.ticker, message, gain=gain.quantize(Decimal("0.0001")))

    yield from _each(case, check, look, "Nothing suggested is held already but as a winner.")
