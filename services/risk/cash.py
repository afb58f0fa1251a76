"""Checks of money: what is left at the end, at every step on the way, and in every account."""

from decimal import Decimal

from db.model.order import Side
from db.model.plan import Severity
from db.model.policy import Policy
from db.model.portfolio import Account
from services.risk.case import PLAN, Case, Findings, cannot, found, money, passed, percent
from services.risk.facts import ZERO
from services.risk.standing import signed_value


def cash_floor(account: Account, policy: Policy) -> Decimal:
    """What the account's cash may never fall under: zero, or −(L − 1) × its equity where the policy
    allows leverage L above 1 (spec 3, cash_path)."""
    if policy.allows_leverage and policy.max_leverage is not None:
        return -(policy.max_leverage - 1) * max(account.equity, ZERO)
    return ZERO


def spendable_cash(account: Account, policy: Policy) -> Decimal:
    """How much may be spent now by the broker's own figures; negative when already under.

    Cash less the buffer; with leverage L above 1, cash and loan (L − 1) × equity less the buffer,
    and never more than the broker's buying power."""
    buffer = (policy.min_cash_weight or ZERO) * max(account.equity, ZERO)
    free = account.cash - cash_floor(account, policy) - buffer
    return min(free, account.buying_power)


def cash_buffer(case: Case) -> Findings:
    """Cash at the end against the minimum and the warning line."""
    check, policy = "cash_buffer", case.facts.policy
    least, line = policy.min_cash_weight, policy.warn_cash_weight
    if least is None and line is None:
        return
    if case.unknown:
        yield cannot(check, case.worst, PLAN, case.unknown)
        return
    was, now = case.before.cash_weight, case.after.cash_weight
    values = {"before": was, "after": now}
    if least is not None:
        values["minimum"] = least
    if line is not None:
        values["warn"] = line
    change = f"Cash goes from {percent(was)} to {percent(now)}"
    if least is not None and now < least:
        if case.increasing:
            message = f"{change}, under the minimum of {percent(least)}."
            yield found(check, Severity.BLOCK, PLAN, message, values)
        else:
            message = f"{change}, still under the minimum of {percent(least)}: inherited, and this plan buys nothing."
            yield found(check, Severity.WARN, PLAN, message, values)
    elif line is not None and now < line:
        minimum = f" (minimum {percent(least)})" if least is not None else ""
        message = f"{change}, under the warning line of {percent(line)}{minimum}."
        yield found(check, Severity.WARN, PLAN, message, values)
    else:
        yield passed(check, f"{change}.", values=values)


def cash_path(case: Case) -> Findings:
    """Running cash after every step: never under the floor of any account, nor, while buying,
    under the buffer of the whole. Sells only lift cash, so an inherited low is not held against
    them; the first buy that goes under is named."""
    check, facts = "cash_path", case.facts
    policy = facts.policy
    if case.unknown and policy.min_cash_weight is not None:
        yield cannot(check, case.worst, PLAN, case.unknown)
        return
    cash = {account.name: account.cash for account in facts.portfolio.accounts}
    floors = {a.name: cash_floor(a, policy) for a in facts.portfolio.accounts}
    buffer: Decimal | None = None
    if policy.min_cash_weight is not None:
        buffer = sum(floors.values(), ZERO) + policy.min_cash_weight * case.before.equity
    lowest: Decimal | None = None
    short = False
    for step in case.steps:
        cash[step.account] = cash.get(step.account, ZERO) + signed_value(step)
        if step.side is Side.SELL:
            continue
        total, own = sum(cash.values(), ZERO), cash[step.account]
        floor = floors.get(step.account, ZERO)
        lowest = total if lowest is None else min(lowest, total)
        values = {"cash": own, "total": total, "floor": floor, "buffer": buffer or ZERO}
        after = f"After step {step.n} (buy {step.symbol})"
        if own < floor:
            message = (
                f"{after} account {step.account} would hold {money(own)}, under {money(floor)}."
            )
        elif buffer is not None and total < buffer:
            message = f"{after} cash would be {money(total)}, under the buffer of {money(buffer)}."
        else:
            continue
        short = True
        severity = case.severity(step)
        yield found(check, severity, step.account, message, values, step=step.n)
        if severity is Severity.BLOCK:
            return
    if short:
        return
    end = sum(cash.values(), ZERO)
    message = (
        f"Cash never falls under {money(lowest)} while buying."
        if lowest is not None
        else f"Nothing is bought; cash ends at {money(end)}."
    )
    yield passed(check, message, lowest=end if lowest is None else lowest)


def buying_power(case: Case) -> Findings:
    """The broker's own buying power, lifted by the plan's sales, covers every buy in turn."""
    check, facts = "buying_power", case.facts
    power = {account.name: account.buying_power for account in facts.portfolio.accounts}
    over = False
    for step in case.steps:
        severity = case.severity(step)
        if step.account not in power:
            yield cannot(check, severity, step.account, "the account is not ours", step.n)
            return
        power[step.account] += signed_value(step)
        short = -power[step.account]
        if short <= 0 or step.side is Side.SELL:
            continue
        over = True
        message = f"Step {step.n} (buy {step.symbol}) needs {money(short)} more than the broker's buying power in {step.account}."
        yield found(check, severity, step.account, message, step=step.n, short=short)
        if severity is Severity.BLOCK:
            return
    if over:
        return
    left = min(power.values(), default=ZERO)
    yield passed(check, f"{money(left)} of buying power is left after the plan.", left=left)


def account_cash(case: Case) -> Findings:
    """Cash of every account at the end. A loan that was there before and only shrinks is inherited."""
    check, facts = "account_cash", case.facts
    over = False
    for account in facts.portfolio.accounts:
        floor = cash_floor(account, facts.policy)
        was, now = account.cash, case.after.accounts.get(account.name, ZERO)
        if now >= floor:
            continue
        over = True
        buys = any(s.account == account.name and s.side is Side.BUY for s in case.increasing)
        severity = Severity.BLOCK if buys else Severity.WARN
        message = f"Account {account.name} would end with {money(now)} (now {money(was)}), under {money(floor)}."
        yield found(check, severity, account.name, message, before=was, after=now, floor=floor)
    if not over:
        names = ", ".join(f"{n} {money(c)}" for n, c in case.after.accounts.items())
        yield passed(check, f"Cash after the plan: {names}.")
