"""Checks of single orders: may this symbol be traded, in this size, at this price, now?"""

from collections.abc import Callable
from datetime import time, timedelta
from decimal import Decimal

from db.model.base import plain
from db.model.order import OrderType, Side, TimeInForce
from db.model.plan import Finding, Severity, Step
from services.risk.case import PLAN, Case, Findings, cannot, found, money, passed, percent
from services.risk.facts import NEW_YORK, ZERO, Facts

EXTENDED = {True: (time(4), time(9, 30)), False: (time(13), time(20))}
"""The exchange's time before and after a session, which ends at 13:00 at the earliest."""
DUPLICATE_WINDOW = timedelta(seconds=60)

Look = Callable[[Step], Finding | None]


def each(case: Case, check: str, look: Look, all_well: str, *, reducing: bool = False) -> Findings:
    """`look` at every step (at those that increase exposure only, unless `reducing`); one pass when
    none is found wanting."""
    well = True
    for step in case.steps if reducing else case.increasing:
        finding = look(step)
        if finding is not None:
            well = False
            yield finding
    if well:
        yield passed(check, all_well)


def share_sufficiency(case: Case) -> Findings:
    """Never sell more than is held and free of other orders: all sells of a symbol together."""
    sold: dict[tuple[str, str], Decimal] = {}

    def look(step: Step) -> Finding | None:
        if step.side is Side.BUY:
            return None
        key = (step.account, step.symbol)
        total = sold[key] = sold.get(key, ZERO) + step.qty
        position = case.facts.position(*key)
        held = max(position.qty, ZERO) if position is not None else ZERO
        free = min(held, max(position.sellable, ZERO)) if position is not None else ZERO
        if total <= free:
            return None
        why = (
            f"{plain(held - free)} of {plain(held)} held are tied to other orders"
            if total <= held
            else f"{plain(held)} are held"
        )
        message = f"{plain(total)} {step.symbol} would be sold in {step.account}, but {why}."
        return found(
            "share_sufficiency",
            Severity.BLOCK,
            step.symbol,
            message,
            step=step.n,
            sold=total,
            held=held,
            free=free,
        )

    yield from each(
        case, "share_sufficiency", look, "Every share sold is held and free.", reducing=True
    )


def settled_funds(case: Case) -> Findings:
    """In a cash account: what unsettled proceeds paid for stays until they have settled (invariant
    18). A flatten and what protects a position ask no check."""
    sold: dict[tuple[str, str], Decimal] = {}

    def look(step: Step) -> Finding | None:
        position = case.facts.position(step.account, step.symbol)
        if step.side is Side.BUY or position is None or not position.qty_unsettled:
            return None
        key = (step.account, step.symbol)
        total = sold[key] = sold.get(key, ZERO) + step.qty
        settled = max(position.qty - position.qty_unsettled, ZERO)
        if total <= settled:
            return None
        message = (
            f"{plain(position.qty_unsettled)} of {plain(position.qty)} {step.symbol} were paid for "
            f"with sales that have not settled: {plain(settled)} may be sold today, not {plain(total)}."
        )
        return found(
            "settled_funds",
            Severity.BLOCK,
            step.symbol,
            message,
            step=step.n,
            sold=total,
            settled=settled,
        )

    yield from each(
        case, "settled_funds", look, "Nothing sold was bought with unsettled money.", reducing=True
    )


def restricted(case: Case) -> Findings:
    listed = case.facts.restricted

    def look(step: Step) -> Finding | None:
        if step.symbol not in listed:
            return None
        message = f"{step.symbol} is restricted: {listed[step.symbol]}."
        return found("restricted", Severity.BLOCK, step.symbol, message, step=step.n)

    yield from each(case, "restricted", look, "No restricted symbol is bought.")


def market_hours(case: Case) -> Findings:
    """The regular session; before and after it only limit DAY orders that ask for it."""
    check, clock = "market_hours", case.facts.clock
    if clock is None:
        yield cannot(check, case.worst, PLAN, "the broker's clock is not known")
        return
    asking = [step for step in case.steps if step.extended_hours]
    unfit = [step for step in asking if not may_extend(step.type, step.time_in_force)]
    for step in unfit:
        message = (
            f"Step {step.n} asks for extended hours as a {step.type} {step.time_in_force} order: "
            "only a limit DAY order may."
        )
        yield found(check, case.severity(step), step.symbol, message, step=step.n)
    if clock.is_open:
        if not unfit:
            yield passed(check, "The regular session is open.")
        return
    early = clock.next_open.astimezone(NEW_YORK).date() == case.facts.today
    if len(asking) < len(case.steps) or not asking or not _extended(case.facts, early):
        opens = f"{clock.next_open:%Y-%m-%d %H:%M} UTC"
        severity = case.worst if len(asking) == len(case.steps) else _worst_of_the_rest(case)
        yield found(check, severity, PLAN, f"The market is closed; it opens {opens}.", opens=opens)
    elif early and not unfit:
        yield passed(check, "Before the session, and every order asks for extended hours.")
    elif not early:
        # The broker's clock does not tell a weekday's evening from that of a holiday.
        message = (
            "After the session until 20:00 New York; on a holiday the orders wait for the next."
        )
        yield found(check, Severity.WARN, PLAN, message)


def may_extend(kind: OrderType, time_in_force: TimeInForce) -> bool:
    """Whether such an order may ask for extended hours."""
    return kind is OrderType.LIMIT and time_in_force is TimeInForce.DAY


def _worst_of_the_rest(case: Case) -> Severity:
    """Of the orders that don't ask for extended hours."""
    rest = [step for step in case.steps if not step.extended_hours]
    blocks = any(case.severity(step) is Severity.BLOCK for step in rest)
    return Severity.BLOCK if blocks else Severity.WARN


def _extended(facts: Facts, early: bool) -> bool:
    now = facts.now.astimezone(NEW_YORK)
    begins, ends = EXTENDED[early]
    return now.weekday() < 5 and begins <= now.time() < ends


def min_position(case: Case) -> Findings:
    least = case.facts.policy.min_position_value
    if least is None:
        return
    moved: dict[str, Decimal] = {}
    for step in case.steps:
        signed = step.qty if step.side is Side.BUY else -step.qty
        moved[step.symbol] = moved.get(step.symbol, ZERO) + signed

    def look(step: Step) -> Finding | None:
        if step.side is Side.SELL:
            return None
        held = sum((p.qty for p in case.facts.holdings_of(step.symbol)), ZERO)
        price = case.facts.price(step.symbol) or step.reference_price
        # Bought and sold by one plan, down to nothing: the purchase itself is looked at.
        value = abs((held + moved[step.symbol]) or step.qty) * price
        if value >= least:
            return None
        message = f"{step.symbol} would be a position of {money(value)}, under the minimum of {money(least)}."
        return found(
            "min_position",
            Severity.BLOCK,
            step.symbol,
            message,
            step=step.n,
            value=value,
            minimum=least,
        )

    yield from each(
        case, "min_position", look, f"Every position bought is at least {money(least)}."
    )


def min_trade(case: Case) -> Findings:
    least = case.facts.policy.min_trade_value
    if least is None:
        return

    def look(step: Step) -> Finding | None:
        value = step.qty * step.reference_price
        if value >= least or not case.facts.held(step.account, step.symbol):
            return None
        message = f"The addition to {step.symbol} is {money(value)}, under the minimum trade of {money(least)}."
        return found(
            "min_trade",
            Severity.BLOCK,
            step.symbol,
            message,
            step=step.n,
            value=value,
            minimum=least,
        )

    yield from each(case, "min_trade", look, f"Every addition is at least {money(least)}.")


def order_value(case: Case) -> Findings:
    most = case.facts.policy.max_order_value
    if most is None:
        return

    def look(step: Step) -> Finding | None:
        if step.expected_value <= most:
            return None
        message = f"Step {step.n} ({step.symbol}) is {money(step.expected_value)}, over the order limit of {money(most)}."
        return found(
            "order_value",
            Severity.BLOCK,
            step.symbol,
            message,
            step=step.n,
            value=step.expected_value,
            limit=most,
        )

    yield from each(case, "order_value", look, f"No buy is over {money(most)}.")


def adv_share(case: Case) -> Findings:
    check, policy = "adv_share", case.facts.policy
    warn, most = policy.warn_adv_share, policy.max_adv_share
    if warn is None and most is None:
        return

    def look(step: Step) -> Finding | None:
        share = case.facts.adv_share(step.symbol, step.qty)
        if share is None:
            why = f"the average daily volume of {step.symbol} is not known (add it to the instruments)"
            return cannot(check, Severity.BLOCK, step.symbol, why, step.n)
        over = next((line for line in (most, warn) if line is not None and share > line), None)
        if over is None:
            return None
        severity = Severity.BLOCK if over is most else Severity.WARN
        message = f"Step {step.n} is {percent(share)} of an average day's volume of {step.symbol}, over {percent(over)}."
        return found(check, severity, step.symbol, message, step=step.n, share=share, limit=over)

    yield from each(case, check, look, "Every buy is a small part of a day's volume.")


def quote_fresh(case: Case) -> Findings:
    check = "quote_fresh"

    def look(step: Step) -> Finding | None:
        severity = case.severity(step)
        quote = case.facts.quotes.get(step.symbol)
        touch = None if quote is None else quote.bid if step.side is Side.SELL else quote.ask
        if quote is None or touch is None:
            return cannot(check, severity, step.symbol, f"no quote for {step.symbol}", step.n)
        if step.type is not OrderType.MARKET or case.facts.fresh(step.symbol):
            return None
        age = int((case.facts.now - quote.at).total_seconds())
        message = (
            f"The price of {step.symbol} is {age} s old: too old for a market order, use a limit."
        )
        return found(check, severity, step.symbol, message, step=step.n, age=str(age))

    yield from each(case, check, look, "Every market order has a fresh price.", reducing=True)


def price_collar(case: Case) -> Findings:
    check, collar = "price_collar", case.facts.policy.price_collar
    if collar is None:
        return

    def look(step: Step) -> Finding | None:
        if step.limit_price is None:
            return None
        severity = case.severity(step)
        quote = case.facts.quotes.get(step.symbol)
        touch = None if quote is None else quote.ask if step.side is Side.BUY else quote.bid
        if touch is None:
            return cannot(check, severity, step.symbol, f"no quote for {step.symbol}", step.n)
        beyond = step.limit_price / touch - 1
        if step.side is Side.SELL:
            beyond = -beyond
        if beyond <= collar:
            return None
        message = f"The limit {money(step.limit_price)} for {step.symbol} is {percent(beyond)} beyond the market ({money(touch)}); {percent(collar)} is allowed."
        return found(
            check,
            severity,
            step.symbol,
            message,
            step=step.n,
            limit_price=step.limit_price,
            touch=touch,
            collar=collar,
            beyond=beyond.quantize(Decimal("0.000001")),
        )

    yield from each(case, check, look, "No limit lies beyond the collar.", reducing=True)


def tradable(case: Case) -> Findings:
    check, facts = "tradable", case.facts
    accounts = {account.name: account for account in facts.portfolio.accounts}

    def look(step: Step) -> Finding | None:
        known, account = facts.instruments.get(step.symbol), accounts.get(step.account)
        if known is None:
            return cannot(check, Severity.BLOCK, step.symbol, f"{step.symbol} is not known", step.n)
        if account is None:
            why = f"account {step.account} is not ours"
            return cannot(check, Severity.BLOCK, step.symbol, why, step.n)
        if account.trading_blocked or account.status != "ACTIVE":
            message = f"Account {account.name} may not trade: the broker has it {account.status}."
        elif not known.tradable:
            message = f"{step.symbol} can't be traded at the broker now."
        elif step.side is Side.BUY and step.qty % 1 and not known.fractionable:
            message = f"{step.symbol} can't be bought in fractions: {plain(step.qty)} shares."
        elif (
            step.side is Side.SELL
            and facts.held(step.account, step.symbol) <= 0
            and not (known.shortable and account.shorting_enabled)
        ):
            message = f"{step.symbol} can't be sold short in {account.name}."
        else:
            return None
        return found(check, Severity.BLOCK, step.symbol, message, step=step.n)

    yield from each(case, check, look, "Every symbol can be traded.", reducing=True)


def duplicate_order(case: Case) -> Findings:
    check, now = "duplicate_order", case.facts.now
    seen: dict[tuple[str, str, Side, Decimal], str] = {}
    for order in case.facts.portfolio.orders:
        if order.side is None or order.qty is None or order.protective:
            continue
        if order.submitted_at is None or now - order.submitted_at <= DUPLICATE_WINDOW:
            seen[(order.account, order.symbol, order.side, order.qty)] = "an order working"

    def look(step: Step) -> Finding | None:
        key = (step.account, step.symbol, step.side, step.qty)
        twin = seen.get(key)
        seen[key] = f"step {step.n}"
        if twin is None:
            return None
        message = f"Step {step.n} ({step.side} {plain(step.qty)} {step.symbol}) repeats {twin}."
        return found(check, Severity.BLOCK, step.symbol, message, step=step.n)

    yield from each(case, check, look, "No order is there twice.", reducing=True)


def halted_symbol(case: Case) -> Findings:
    """What its exchange has halted. A symbol that nobody told of is not known to be."""
    halted, before = case.facts.halted, case.facts.halted_before

    def look(step: Step) -> Finding | None:
        if step.symbol in halted:
            message = f"{step.symbol} is halted by its exchange: {halted[step.symbol]}."
            return found("halted_symbol", Severity.BLOCK, step.symbol, message, step=step.n)
        if step.symbol in before:
            why = f"{step.symbol} was halted ({before[step.symbol]}) when the stream was lost"
            return cannot("halted_symbol", case.severity(step), step.symbol, why, step.n)
        return None

    well = "No symbol traded is known to be halted."
    if not case.facts.halts_told:
        well = "Nobody tells of trading halts now: none is known."
    yield from each(case, "halted_symbol", look, well, reducing=True)


EXEMPT = frozenset({"oco", "bracket", "oto"})
"""Orders of a class, and trailing stops, are no wash trade (alpaca.md §8.7). A single stop is: before
the position is added to, its protection must go (`quarterdeck protect cancel`)."""


def opposite_order(case: Case) -> Findings:
    check = "opposite_order"
    working = {
        (o.account, o.symbol, o.side)
        for o in case.facts.portfolio.orders
        if o.side and o.order_class not in EXEMPT and o.type != "trailing_stop"
    }

    def look(step: Step) -> Finding | None:
        other = Side.BUY if step.side is Side.SELL else Side.SELL
        if (step.account, step.symbol, other) not in working:
            return None
        message = f"A {other} order of {step.symbol} is working: the broker would refuse to {step.side} against it."
        return found(check, case.severity(step), step.symbol, message, step=step.n)

    yield from each(case, check, look, "No working order stands on the other side.", reducing=True)
