"""Checks of what the book may lose: to its stops, in a bad day, and by moving as one."""

from decimal import Decimal

from db.model.order import Side
from db.model.plan import Finding, Severity, Standing, Step
from services.risk.case import PLAN, Case, Findings, cannot, found, money, passed, percent
from services.risk.facts import ZERO, Facts, Key
from services.risk.orders import each


def to_stop(facts: Facts, key: Key, qty: Decimal, price: Decimal) -> tuple[Decimal, bool]:
    """What the holding loses when its stop is hit, and whether that stop is known. Without one the
    policy's own distance counts; where the policy has none, the whole."""
    stop = facts.stops.get(key)
    if stop is not None:
        lost = qty * (price - stop)
        return max(lost, ZERO), True
    distance = facts.policy.stop_loss
    return abs(qty) * price * (Decimal(1) if distance is None else distance), False


def portfolio_at_risk(case: Case) -> Findings:
    """What is lost when every stop is hit, as a fraction of equity."""
    check, facts = "portfolio_at_risk", case.facts
    limit = facts.policy.max_portfolio_at_risk
    if limit is None:
        return
    if case.unknown:
        yield cannot(check, case.worst, PLAN, case.unknown)
        return
    was, now = ZERO, ZERO
    left = {(p.account, p.symbol): p.qty for p in facts.portfolio.positions}
    assumed = 0
    for key, qty in left.items():
        lost, known = to_stop(facts, key, qty, facts.price(key[1]) or ZERO)
        was += lost
        assumed += not known and bool(qty)
    added = ZERO
    for step in case.steps:
        key = (step.account, step.symbol)
        if case.reduces(step):
            left[key] = left.get(key, ZERO) + (step.qty if step.side is Side.BUY else -step.qty)
        else:
            added += trade_risk(facts, step)
    for key, qty in left.items():
        now += to_stop(facts, key, qty, facts.price(key[1]) or ZERO)[0]
    now += added
    share = now / case.after.equity
    values = {
        "before": (was / case.before.equity).quantize(Decimal("0.000001")),
        "after": share.quantize(Decimal("0.000001")),
        "limit": limit,
        "dollars": now,
    }
    guess = f" ({assumed} without a known stop count at the policy's distance)" if assumed else ""
    message = f"{percent(share)} of the portfolio ({money(now)}) is at risk down to the stops{guess}; {percent(limit)} is allowed."
    if share <= limit:
        yield passed(check, message, values=values)
    else:
        severity = Severity.BLOCK if added and case.increasing and now > was else Severity.WARN
        yield found(check, severity, PLAN, message, values)


def trade_risk(facts: Facts, step: Step) -> Decimal:
    """Dollars lost when the step's own stop is hit; without one at the policy's distance, and all of
    it where the policy has none."""
    if step.stop_loss_price is None:
        distance = facts.policy.stop_loss
        return step.expected_value * (Decimal(1) if distance is None else distance)
    return step.qty * abs(step.expected_price - step.stop_loss_price)


def risk_per_trade(case: Case) -> Findings:
    """What one order may lose down to its stop."""
    check, limit = "risk_per_trade", case.facts.policy.max_risk_per_trade
    if limit is None:
        return
    equity = case.before.equity
    if case.facts.unpriced or equity <= 0:
        yield cannot(check, case.worst, PLAN, case.unknown or "the portfolio's value is not known")
        return
    most = limit * equity

    def look(step: Step) -> Finding | None:
        if step.side is Side.SELL and case.facts.held(step.account, step.symbol) > 0:
            return None  # more than is held: share_sufficiency says it
        lost = trade_risk(case.facts, step)
        if lost <= most:
            return None
        message = f"Step {step.n} ({step.symbol}) risks {money(lost)} down to its stop, more than {percent(limit)} of equity ({money(most)})."
        return found(
            check, Severity.BLOCK, step.symbol, message, step=step.n, risk=lost, limit=most
        )

    yield from each(case, check, look, f"No order risks more than {percent(limit)} of equity.")


def _signed(standing: Standing) -> dict[str, Decimal]:
    return {holding.symbol: holding.value for holding in standing.holdings}


def correlation(case: Case) -> Findings:
    """How much what is bought moves with what is held, of daily returns. The other way round (long
    and short) counts with its sign."""
    check, limit = "correlation", case.facts.policy.max_correlation
    if limit is None:
        return
    if not case.increasing:
        yield passed(check, "Nothing is added to the book.")
        return
    from services.risk import statistics  # numpy takes 100 ms to load

    values = _signed(case.after)
    well, bars = True, case.facts.bars
    done: set[str] = set()
    rows = {symbol: statistics.returns(bars, [symbol]) for symbol in values}
    for step in case.increasing:
        if step.symbol in done or step.symbol not in values:
            continue
        done.add(step.symbol)
        if rows[step.symbol] is None:
            well = False
            why = f"daily bars of {step.symbol} are missing"
            yield cannot(check, Severity.BLOCK, step.symbol, why, step.n)
            continue
        closest: tuple[Decimal, str] | None = None
        blind: list[str] = []
        for other, value in values.items():
            if other == step.symbol:
                continue
            pair = (
                statistics.returns(bars, [step.symbol, other]) if rows[other] is not None else None
            )
            if pair is None:
                blind.append(other)
                continue
            figure = statistics.correlation(pair[0], pair[1])
            if figure is None:
                continue
            figure *= 1 if (value > 0) is (values[step.symbol] > 0) else -1
            if closest is None or figure > closest[0]:
                closest = figure, other
        if blind:
            well = False
            why = f"daily bars of {', '.join(blind)} are missing or too few"
            yield cannot(check, Severity.BLOCK, step.symbol, why, step.n)
        if closest is not None and closest[0] > limit:
            well = False
            message = f"{step.symbol} moves with {closest[1]} (correlation {closest[0]}, {statistics.DAYS} days); {limit} is where it becomes the same bet."
            yield found(
                check, Severity.WARN, step.symbol, message,
                step=step.n, correlation=closest[0], limit=limit, other=closest[1],
            )  # fmt: skip
    if well:
        yield passed(check, f"Nothing bought moves with a holding beyond {limit}.", limit=limit)


def value_at_risk(case: Case) -> Findings:
    """Loss of a bad day (one in twenty) of the whole book, before and after."""
    check, limit = "value_at_risk", case.facts.policy.max_value_at_risk
    if limit is None:
        return
    if case.unknown:
        yield cannot(check, case.worst, PLAN, case.unknown)
        return
    before, after = _signed(case.before), _signed(case.after)
    symbols = sorted({*before, *after})
    if not symbols:
        yield passed(check, "Nothing is held after the plan.", limit=limit)
        return
    from services.risk import statistics  # numpy takes 100 ms to load

    moved = statistics.returns(case.facts.bars, symbols)
    if moved is None:
        short = [s for s in symbols if statistics.returns(case.facts.bars, [s]) is None]
        why = f"daily bars of {', '.join(short) or 'common days'} are missing or too few"
        yield cannot(check, case.worst, PLAN, why)
        return
    was, now = (
        statistics.value_at_risk([held.get(s, ZERO) for s in symbols], moved, standing.equity)
        for held, standing in ((before, case.before), (after, case.after))
    )
    values = {"before": was, "after": now, "limit": limit}
    message = f"In one day of twenty the book loses {percent(now)} or more (now {percent(was)}); {percent(limit)} is allowed."
    if now <= limit:
        yield passed(check, message, values=values)
    else:
        severity = Severity.BLOCK if case.increasing and now > was else Severity.WARN
        yield found(check, severity, PLAN, message, values)
