"""The dry run as a trader reads it. The verdict is the first word (spec 4, Dry run)."""

from collections.abc import Sequence
from decimal import ROUND_HALF_EVEN, Decimal

from db.model.base import plain
from db.model.plan import Plan, Severity, Standing, Step
from services.risk.case import money, percent
from services.risk.facts import ZERO

MARK = {Severity.BLOCK: "BLOCK", Severity.WARN: "warn", Severity.PASS: "pass"}
WORST_FIRST = (Severity.BLOCK, Severity.WARN, Severity.PASS)


def markdown(plan: Plan) -> str:
    """The report: verdict, before and after, findings, sequence, what was skipped, costs."""
    parts = [
        _head(plan),
        _before_after(plan),
        _findings(plan),
        _sequence(plan),
        _acts(plan),
        _cash_path(plan),
        _skipped(plan),
        _taxes(plan),
        _costs(plan),
    ]
    return "\n".join(part for part in parts if part)


def _head(plan: Plan) -> str:
    counts = {s: sum(f.severity is s for f in plan.findings) for s in WORST_FIRST}
    return (
        f"# {plan.verdict} · plan {plan.plan_id} rev {plan.revision}\n\n"
        f"{cell(plan.source)} · policy {plan.policy} · {plan.environment} · "
        f"{plan.created_at:%Y-%m-%d %H:%M:%S} UTC  \n"
        f"{counts[Severity.BLOCK]} blocked, {counts[Severity.WARN]} warned, "
        f"{counts[Severity.PASS]} passed · hash {plan.hash[:12]}\n"
    )


def _before_after(plan: Plan) -> str:
    before, after = plan.before, plan.after
    rows: list[tuple[str, ...]] = [
        ("Equity", money(before.equity), money(after.equity)),
        ("Cash", _cash(before), _cash(after)),
        ("Exposure ÷ equity", f"{before.leverage:.2f}", f"{after.leverage:.2f}"),
        ("Positions", str(len(before.holdings)), str(len(after.holdings))),
    ]
    names = dict.fromkeys(s.sector for s in (*before.sectors, *after.sectors))
    for sector in names:
        was, now = before.sector_weight_of(sector), after.sector_weight_of(sector)
        rows.append((cell(sector), percent(was), percent(now)))
    held = {h.symbol: h for h in before.holdings}
    then = {h.symbol: h for h in after.holdings}
    for symbol in dict.fromkeys(step.symbol for step in plan.steps):
        was_held, now_held = held.get(symbol), then.get(symbol)
        rows.append(
            (symbol, *(_holding(h.qty, h.weight) if h else "–" for h in (was_held, now_held)))
        )
    return _table("Before and after", ("", "before", "after"), rows)


def _cash(standing: Standing) -> str:
    return f"{money(standing.cash)} ({percent(standing.cash_weight)})"


def _holding(qty: Decimal, weight: Decimal) -> str:
    return f"{plain(qty)} ({percent(weight)})"


def _findings(plan: Plan) -> str:
    rows = [
        (MARK[f.severity], f.check, "" if f.step is None else str(f.step), cell(f.message))
        for severity in WORST_FIRST
        for f in plan.findings
        if f.severity is severity
    ]
    return _table("Findings", ("", "check", "step", ""), rows)


def _sequence(plan: Plan) -> str:
    rows = [_step(step) for step in plan.steps]
    if not rows:
        return "## Sequence\n\nNothing to do.\n"
    header = (
        "n",
        "side",
        "symbol",
        "qty",
        "type",
        "expected",
        "value",
        "cash after",
        "paid by",
        "why",
    )
    return _table("Sequence", header, rows)


def _step(step: Step) -> tuple[str, ...]:
    return (
        str(step.n),
        step.side.value.upper(),
        step.symbol,
        plain(step.qty),
        step.terms.removesuffix(", day") + (f", {step.algorithm.words}" if step.algorithm else ""),
        money(step.expected_price),
        money(step.expected_value),
        money(step.expected_cash_after),
        ", ".join(str(n) for n in step.funded_by) or "–",
        cell(step.why),
    )


def _acts(plan: Plan) -> str:
    """Steps that are more than their order, how long each takes, and within which prices."""
    rows = [
        (
            str(step.n),
            step.urgency,
            "–" if step.expected_seconds is None else _span(step.expected_seconds),
            f"{money(step.expected_low)} to {money(step.expected_high)}"
            if step.expected_low is not None and step.expected_high is not None
            else "–",
            cell(", then ".join(step.acts)) or "–",
        )
        for step in plan.steps
    ]
    header = ("n", "urgency", "within", "fills at", "acts")
    return _table("How each is worked", header, rows) if rows else ""


def _span(seconds: int) -> str:
    return f"{seconds} s" if seconds < 60 else f"{seconds // 60} min"


def _cash_path(plan: Plan) -> str:
    """Running cash of every account, where there is more than one: the sequence shows the only one."""
    names = list(plan.before.accounts)
    if len(names) < 2 or not plan.steps:
        return ""
    running = dict(plan.before.accounts)
    rows = [("0", "now", *(money(running[name]) for name in names))]
    for step in plan.steps:
        running[step.account] = step.expected_cash_after
        rows.append(
            (str(step.n), f"{step.side} {step.symbol}", *(money(running[name]) for name in names))
        )
    return _table("Cash of each account", ("n", "after", *map(cell, names)), rows)


def _taxes(plan: Plan) -> str:
    """Realised by each sale, an estimate."""
    rows = [
        (
            str(notice.step),
            notice.symbol,
            money(notice.short_term),
            money(notice.long_term),
            "not known" if notice.undated is None else money(notice.undated),
            "not known" if notice.tax is None else money(notice.tax),
            "–" if notice.tax_per_point is None else money(notice.tax_per_point),
        )
        for notice in plan.taxes
    ]
    header = ("step", "symbol", "short-term", "long-term", "of no known lot", "tax", "tax a point")
    if not rows:
        return ""
    method = plan.taxes[0].method.replace("_", " ")
    return (
        _table(f"Taxes, estimated ({method})", header, rows)
        + "\nA point is one percent of the portfolio sold. The broker's own statement wins.\n"
    )


def _skipped(plan: Plan) -> str:
    rows = [(cell(s.symbol), cell(s.reason)) for s in plan.skipped]
    return _table("Skipped", ("symbol", "reason"), rows) if rows else ""


def _costs(plan: Plan) -> str:
    sold = sum((s.expected_value for s in plan.steps if s.side == "sell"), ZERO)
    bought = sum((s.expected_value for s in plan.steps if s.side == "buy"), ZERO)
    share = (
        (plan.estimated_cost / (sold + bought) * 10_000).quantize(Decimal("0.1"), ROUND_HALF_EVEN)
        if sold + bought
        else ZERO
    )
    return (
        "## Costs\n\n"
        f"Sells bring {money(sold)}, buys take {money(bought)}. Spread and slippage are expected to "
        f"cost {money(plan.estimated_cost)} ({plain(share)} bps of what is traded).\n"
    )


def _table(title: str, header: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [f"| {' | '.join(row)} |" for row in (header, ("---",) * len(header), *rows)]
    return f"## {title}\n\n" + "\n".join(lines) + "\n"


def cell(text: str) -> str:
    """Outside text in a table: it can neither end the cell nor the line nor become markup."""
    line = " ".join(text.split())
    return "".join(f"\\{c}" if c in "\\|`*_<>[]#" else c for c in line)
