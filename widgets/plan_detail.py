"""What stands behind a plan: findings, weights before and after, what was skipped. Pure words."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from rich.cells import set_cell_size
from rich.text import Text

from widgets.document import number, rows, terms, text
from widgets.escalation import escalations
from widgets.table.fields import money, percent, qty

BAR_PARTS = "▏▎▍▌▋▊▉█"
SEVERITY_STYLES = {"block": "bold red", "warn": "bold yellow", "pass": "dim"}
VERDICT_STYLES = {"SAFE": "bold green", "CONDITIONAL": "bold yellow", "BLOCKED": "bold red"}
ZERO = Decimal(0)
NOT_STARTED = ("", "draft", "checked", "escalated", "approved")
OVER = ("done", "done_with_exceptions", "aborted", "expired")


def bar(weight: Decimal, full: Decimal, cells: int) -> str:
    """`weight` as a bar of at most `cells` cells, where `full` fills them; never shorter than an eighth for
    something, nothing for nothing."""
    if full <= 0 or weight <= 0:
        return ""
    eighths = max(1, min(cells * 8, int(weight / full * cells * 8 + Decimal("0.5"))))
    whole, part = divmod(eighths, 8)
    return "█" * whole + (BAR_PARTS[part - 1] if part else "")


def findings(document: Mapping[str, Any]) -> Iterable[Text]:
    """The findings that want a look, blocks first; then how many checks passed."""
    found = rows(document, "findings")
    rank = {"block": 0, "warn": 1}
    shown = sorted(
        (f for f in found if text(f, "severity") in rank), key=lambda f: rank[text(f, "severity")]
    )
    for finding in shown:
        severity = text(finding, "severity")
        line = Text()
        line.append(f"{severity.upper():<6}", SEVERITY_STYLES[severity])
        line.append(f"{text(finding, 'check')} ", "bold")
        line.append(text(finding, "message"))
        yield line
    passed = len(found) - len(shown)
    if passed:
        yield Text("1 check passed" if passed == 1 else f"{passed} checks passed", "dim")


def validation(document: Mapping[str, Any]) -> Iterable[Text]:
    """Of a recommendation: approved or rejected, and each of its six checks."""
    found = document.get("validation")
    if not isinstance(found, dict):
        return
    approved = text(found, "status") == "APPROVED_FOR_PO"
    style = VERDICT_STYLES["SAFE" if approved else "BLOCKED"]
    yield Text.assemble(f"{text(found, 'ticker')} ", (text(found, "status"), style))
    checks = found.get("checks")
    for check, well in checks.items() if isinstance(checks, dict) else ():
        mark = ("✓ ", "green") if well is True else ("✗ ", "bold red")
        yield Text.assemble(mark, str(check), "" if well is True else " failed")


def instead(document: Mapping[str, Any]) -> Iterable[Text]:
    """Steps in another symbol than the one that was suggested, and why."""
    for step in rows(document, "steps"):
        if underlying := text(step, "underlying"):
            name = f"{text(step, 'n')} {text(step, 'symbol')} for {underlying} "
            yield Text.assemble((name, "bold"), text(step, "reason"))


def troubles(document: Mapping[str, Any]) -> Iterable[Text]:
    """Why steps or their orders ended otherwise than filled, in the broker's or our own words."""
    given_up = document.get("given_up")
    for step in rows(document, "steps"):
        told = [text(order, "reason") for order in rows(step, "orders")]
        if isinstance(given_up, dict):
            told.append(str(given_up.get(text(step, "n")) or ""))
        for words in dict.fromkeys(filter(None, told)):
            yield Text.assemble((f"{text(step, 'n')} {text(step, 'symbol')} ", "bold"), words)


def weights(
    before: Mapping[str, Any], after: Mapping[str, Any], width: int, list_name: str, key: str
) -> Iterable[Text]:
    """Weights before and after as bars, one row a sector (or holding), the biggest first."""
    was = {text(row, key): number(row.get("weight")) or ZERO for row in rows(before, list_name)}
    will = {text(row, key): number(row.get("weight")) or ZERO for row in rows(after, list_name)}
    names = sorted({*was, *will}, key=lambda name: (-max(was.get(name, ZERO), will.get(name, ZERO)), name))  # fmt: skip
    full = max([*was.values(), *will.values(), ZERO])
    label = min(14, max(8, width // 4))
    room = max(4, (width - label - 26) // 2)
    for name in names:
        old, new = was.get(name, ZERO), will.get(name, ZERO)
        yield _compared(set_cell_size(name, label), old, new, full, room)


def _compared(name: str, old: Decimal, new: Decimal, full: Decimal, room: int) -> Text:
    line = Text(f"{name} {percent(old, 1):>6} ")
    line.append(f"{bar(old, full, room):<{room}}", "dim")
    line.append(f" → {percent(new, 1):>6} ")
    line.append(f"{bar(new, full, room):<{room}}", "bold")
    difference = new - old
    mark = "" if abs(difference) < Decimal("0.0005") else f" {'▲' if difference > 0 else '▼'}"
    line.append(mark)
    return line


def special(document: Mapping[str, Any]) -> Iterable[Text]:
    """Orders that wait for a price, rest longer than the day, or are worked outside the session."""
    for step in rows(document, "steps"):
        lasting = text(step, "time_in_force") not in ("", "day")
        if step.get("stop_price") is not None or lasting or step.get("extended_hours"):
            name = f"{text(step, 'n')} {text(step, 'side').upper()} {text(step, 'symbol')} "
            yield Text.assemble((name, "bold"), terms(step))


def cash(document: Mapping[str, Any]) -> Text:
    """Cash before and after, and what trading is expected to cost."""
    before, after = document.get("before") or {}, document.get("after") or {}
    line = Text("cash ")
    line.append(f"{money(number(before.get('cash')))} ({percent(number(before.get('cash_weight')), 1)})")  # fmt: skip
    line.append(" → ")
    line.append(f"{money(number(after.get('cash')))} ({percent(number(after.get('cash_weight')), 1)})", "bold")  # fmt: skip
    if (cost := number(document.get("estimated_cost"))) is not None:
        line.append(f", estimated cost {money(cost)}")
    return line


def funding(document: Mapping[str, Any]) -> Iterable[Text]:
    """What each step frees or costs, planned and so far, and the cash that runs with it."""
    ledger = document.get("ledger")
    if not isinstance(ledger, dict) or text(document, "state") in NOT_STARTED:
        return
    yield Text(f"{'':10}{'planned':>12}{'so far':>12}{'open':>11}{'cash':>13}", "dim")
    yield Text(f"{'at start':10}{'':35}{money(number(ledger.get('opening_cash'))):>13}")
    for row in rows(ledger, "steps"):
        name = f"{text(row, 'n'):>2} {text(row, 'symbol')}"
        figures = [number(row.get(key)) for key in ("planned", "actual", "reserved", "cash")]
        planned, actual, reserved, running = (money(figure) for figure in figures)
        yield Text(f"{name:10}{planned:>12}{actual:>12}{reserved:>11}{running:>13}")


def if_stopped(document: Mapping[str, Any]) -> Iterable[Text]:
    """What is left if nothing more of the plan fills."""
    ledger = document.get("ledger")
    stopped = ledger.get("if_stopped") if isinstance(ledger, dict) else None
    if not isinstance(stopped, dict) or text(document, "state") in (*NOT_STARTED, *OVER):
        return
    line = Text("cash ")
    line.append(f"{money(number(stopped.get('cash')))} ({percent(number(stopped.get('cash_weight')), 1)})", "bold")  # fmt: skip
    line.append(f" of {money(number(stopped.get('equity')))}")
    yield line
    traded = {text(step, "symbol") for step in rows(document, "steps")}
    for held in rows(stopped, "holdings"):
        if text(held, "symbol") in traded:
            weight = percent(number(held.get("weight")), 1)
            yield Text(f"{text(held, 'symbol'):<8}{qty(number(held.get('qty'))):>8} {weight:>7}")


def changed_holdings(document: Mapping[str, Any], width: int) -> Iterable[Text]:
    """Weights of the holdings that the plan changes."""
    before, after = document.get("before") or {}, document.get("after") or {}
    traded = {text(step, "symbol") for step in rows(document, "steps")}

    def only(standing: Mapping[str, Any]) -> dict[str, Any]:
        held = rows(standing, "holdings")
        return {"holdings": [row for row in held if text(row, "symbol") in traded]}

    return weights(only(before), only(after), width, "holdings", "symbol")


def detail(document: Mapping[str, Any], width: int) -> Text:
    """Everything behind the plan, at this width."""
    before, after = document.get("before") or {}, document.get("after") or {}
    whole = Text()

    def part(title: str, lines: Iterable[Text]) -> None:
        listed = list(lines)
        if listed:
            whole.append(f"{title}\n", "bold underline")
            for line in listed:
                whole.append_text(line)
                whole.append("\n")

    part("What went otherwise", troubles(document))
    part("If you stop here", if_stopped(document))
    part("Funding", funding(document))
    part("Stock validation", validation(document))
    part("In place of what was suggested", instead(document))
    part("Findings", findings(document))
    part("Exceptions", escalations(document))
    part("Orders that wait or rest", special(document))
    part("Sectors, before → after", weights(before, after, width, "sectors", "sector"))
    whole.append_text(cash(document))
    whole.append("\n")
    part("Positions, before → after", changed_holdings(document, width))
    skipped = rows(document, "skipped")
    whole.append(f"policy {text(document, 'policy')}, from {text(document, 'source')}\n", "dim")
    part(
        "Skipped",
        (Text.assemble((text(s, "symbol"), "bold"), f"  {text(s, 'reason')}") for s in skipped),
    )
    whole.right_crop(1)
    return whole
