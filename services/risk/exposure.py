"""Checks of what the book weighs after a plan. Inherited breaches are compared before and after:
cured passes, not made worse warns, and only what the plan itself buys is blocked (spec 3)."""

from decimal import Decimal

from db.model.instrument import UNCLASSIFIED
from db.model.order import Side
from db.model.plan import Severity, Step
from services.risk.case import PLAN, Case, Findings, cannot, found, money, passed, percent
from services.risk.facts import ZERO
from services.risk.standing import weight


def _breach(
    case: Case, before: Decimal, after: Decimal, added: Decimal, limit: Decimal
) -> Severity:
    """How bad it is that value `after` stands over `limit`, `added` of it bought by this plan.

    Values, not weights, are compared with before: a book that shrinks by its own costs has not
    made a weight worse."""
    if added <= 0 or not case.increasing:
        return Severity.WARN
    made_worse = after > before
    by_own_buying = after - added <= limit
    return Severity.BLOCK if made_worse or by_own_buying else Severity.WARN


def _first(case: Case, *, symbol: str | None = None, sector: str | None = None) -> Step | None:
    """The first step that adds to the symbol or sector: the one that a finding names."""
    for step in case.increasing:
        if symbol == step.symbol or (sector is not None and sector == step.sector):
            return step
    return None


def sector_cap(case: Case) -> Findings:
    """No sector above its cap; symbols without a sector count as one and are named."""
    check, cap = "sector_cap", case.facts.policy.max_sector_weight
    if cap is None:
        return
    if case.unknown:
        yield cannot(check, case.worst, PLAN, case.unknown)
        return
    nothing_over = True
    limit = cap * case.after.equity
    before = {s.sector: s for s in case.before.sectors}
    after = {s.sector: s for s in case.after.sectors}
    for sector in sorted({*before, *after}):
        was = before[sector].weight if sector in before else ZERO
        now = after[sector].weight if sector in after else ZERO
        values = {"before": was, "after": now, "cap": cap}
        if now <= cap:
            if was > cap:
                message = f"{sector} comes down from {percent(was)} to {percent(now)}, inside its cap of {percent(cap)}."
                yield passed(check, message, sector, values)
            continue
        nothing_over = False
        added = sum((v for s, v in case.bought.items() if case.facts.sector(s) == sector), ZERO)
        held = before[sector].value if sector in before else ZERO
        severity = _breach(case, held, after[sector].value, added, limit)
        if severity is Severity.BLOCK:
            step = _first(case, sector=sector)
            names = ", ".join(sorted(s for s in case.bought if case.facts.sector(s) == sector))
            message = f"{sector} would stand at {percent(now)} (now {percent(was)}), over its cap of {percent(cap)}: {names} add {money(added)}."
            yield found(check, severity, sector, message, values, step=step.n if step else None)
        else:
            message = f"{sector} stays at {percent(now)}, over its cap of {percent(cap)}: inherited, not made worse by this plan."
            yield found(check, severity, sector, message, values)
    if UNCLASSIFIED in after:
        names = ", ".join(h.symbol for h in case.after.holdings if h.sector == UNCLASSIFIED)
        message = (
            f"{names} has no known sector and counts as {UNCLASSIFIED}: add it to the instruments."
        )
        yield found(check, Severity.WARN, UNCLASSIFIED, message, symbols=names)
    if nothing_over:
        heaviest = max(case.after.sectors, key=lambda s: s.weight, default=None)
        message = (
            f"{heaviest.sector} is the heaviest sector after the plan, {percent(heaviest.weight)} of {percent(cap)} allowed."
            if heaviest
            else "No sector is held after the plan."
        )
        yield passed(check, message, cap=cap)


def position_cap(case: Case) -> Findings:
    """No position above its cap."""
    check, cap = "position_cap", case.facts.policy.max_position_weight
    if cap is None:
        return
    if case.unknown:
        yield cannot(check, case.worst, PLAN, case.unknown)
        return
    limit = cap * case.after.equity
    before = {h.symbol: h for h in case.before.holdings}
    nothing_over = True
    for holding in case.after.holdings:
        if holding.weight <= cap:
            continue
        nothing_over = False
        symbol, now = holding.symbol, holding.weight
        was = before[symbol].weight if symbol in before else ZERO
        held = before[symbol].value if symbol in before else ZERO
        added = case.bought.get(symbol, ZERO)
        severity = _breach(case, held, holding.value, added, limit)
        values = {"before": was, "after": now, "cap": cap}
        if severity is Severity.BLOCK:
            step = _first(case, symbol=symbol)
            message = f"{symbol} would weigh {percent(now)} (now {percent(was)}), over the position cap of {percent(cap)}."
            yield found(check, severity, symbol, message, values, step=step.n if step else None)
        else:
            message = f"{symbol} stays at {percent(now)}, over the position cap of {percent(cap)}: inherited, not made worse by this plan."
            yield found(check, severity, symbol, message, values)
    if nothing_over:
        largest = max(case.after.holdings, key=lambda h: h.weight, default=None)
        message = (
            f"{largest.symbol} is the largest position after the plan, {percent(largest.weight)} of {percent(cap)} allowed."
            if largest
            else "No position is held after the plan."
        )
        yield passed(check, message, cap=cap)


def sector_increase(case: Case) -> Findings:
    """No sector up by more than the limit in one plan."""
    check, limit = "sector_increase", case.facts.policy.max_sector_increase
    if limit is None:
        return
    if case.unknown:
        yield cannot(check, case.worst, PLAN, case.unknown)
        return
    most, most_sector = ZERO, ""
    over = False
    for now in case.after.sectors:
        was = case.before.sector_weight_of(now.sector)
        up = now.weight - was
        if up > most:
            most, most_sector = up, now.sector
        step = _first(case, sector=now.sector)
        if up <= limit or step is None:
            continue
        over = True
        message = f"{now.sector} would rise by {percent(up)} of the portfolio, more than {percent(limit)} in one plan."
        values = {"before": was, "after": now.weight, "limit": limit}
        yield found(check, Severity.BLOCK, now.sector, message, values, step=step.n)
    if not over:
        message = (
            f"{most_sector} rises most, by {percent(most)} of the portfolio; {percent(limit)} is allowed."
            if most_sector
            else "No sector rises."
        )
        yield passed(check, message, limit=limit)


def leverage(case: Case) -> Findings:
    """Gross exposure ÷ equity within the limit."""
    check, limit = "leverage", case.facts.policy.max_leverage
    if limit is None:
        return
    if case.unknown:
        yield cannot(check, case.worst, PLAN, case.unknown)
        return
    was, now = case.before.leverage, case.after.leverage
    values = {"before": was, "after": now, "limit": limit}
    shown_now, shown_limit = f"{now:.2f}", f"{limit:.2f}"
    if now <= limit:
        message = f"Exposure is {shown_now} times equity after the plan; {shown_limit} is allowed."
        yield passed(check, message, values=values)
        return
    added = sum(case.bought.values(), ZERO) + sum(
        (s.qty * s.reference_price for s in case.increasing if s.side is Side.SELL), ZERO
    )
    allowed = limit * case.after.equity
    severity = _breach(case, case.before.gross_exposure, case.after.gross_exposure, added, allowed)
    how = "" if severity is Severity.BLOCK else ": inherited, not made worse by this plan"
    message = f"Exposure would be {shown_now} times equity, over the limit of {shown_limit}{how}."
    yield found(check, severity, PLAN, message, values)


def leveraged_cap(case: Case) -> Findings:
    """Value in leveraged products (factor other than 1) ÷ equity within the cap."""
    check, cap = "leveraged_cap", case.facts.policy.max_leveraged_weight
    if cap is None:
        return
    if case.unknown:
        yield cannot(check, case.worst, PLAN, case.unknown)
        return
    leveraged = case.facts.leveraged
    was = sum((h.value for h in case.before.holdings if h.symbol in leveraged), ZERO)
    now = sum((h.value for h in case.after.holdings if h.symbol in leveraged), ZERO)
    share = weight(now, case.after.equity)
    values = {"after": share, "cap": cap}
    if share <= cap:
        message = f"Leveraged products are {percent(share)} of the book after the plan; {percent(cap)} is allowed."
        yield passed(check, message, values=values)
        return
    added = sum((v for s, v in case.bought.items() if s in leveraged), ZERO)
    severity = _breach(case, was, now, added, cap * case.after.equity)
    names = [s.symbol for s in case.increasing if s.symbol in leveraged]
    step = _first(case, symbol=names[0]) if names else None
    message = (
        f"Leveraged products would be {percent(share)} of the book, over the cap of {percent(cap)}."
    )
    number = step.n if step is not None and severity is Severity.BLOCK else None
    yield found(check, severity, PLAN, message, values, step=number)


def position_count(case: Case) -> Findings:
    """Open positions within the limit."""
    check, limit = "position_count", case.facts.policy.max_positions
    if limit is None:
        return
    was, now = len(case.before.holdings), len(case.after.holdings)
    values = {"before": str(was), "after": str(now), "limit": str(limit)}
    if now <= limit:
        yield passed(check, f"{now} positions after the plan; {limit} are allowed.", values=values)
        return
    worse = now > was and bool(case.increasing)
    message = f"There would be {now} positions (now {was}), more than the {limit} allowed."
    yield found(check, Severity.BLOCK if worse else Severity.WARN, PLAN, message, values)
