"""The desk's answers as plain text for people. Pure: JSON in, lines out.

Outside text never carries a control character to the terminal."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

Json = Mapping[str, Any]


def clean(value: object) -> str:
    """`value` as one line; a missing one is a dash, never a zero."""
    if value is None or value == "":
        return "-"
    return "".join(character if character.isprintable() else " " for character in str(value))


def price(value: object) -> str:
    """A price with two decimals, or up to four where it has them: `340.10`, `0.4512`."""
    try:
        whole, _, part = f"{Decimal(str(value)):.4f}".partition(".")
    except InvalidOperation:
        return clean(value)
    return f"{whole}.{part.rstrip('0'):0<2}"


def money(value: object) -> str:
    """Dollars with separators and cents: `-1,234.50`."""
    try:
        return f"{Decimal(str(value)):,.2f}"
    except InvalidOperation:
        return clean(value)


def percent(value: object) -> str:
    """A fraction as percent with its sign's meaning kept: `0.153` is `15.3%`."""
    try:
        return f"{Decimal(str(value)) * 100:.1f}%"
    except InvalidOperation:
        return clean(value)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Columns as wide as their widest cell; a column of numbers is set to the right."""
    body = [list(row) for row in rows]
    widths = [max(map(len, column)) for column in zip(head, *body, strict=True)]
    right = [bool(body) and all(_numeric(row[n]) for row in body) for n in range(len(head))]

    def line(cells: Sequence[str]) -> str:
        padded = (
            cell.rjust(width) if to_right else cell.ljust(width)
            for cell, width, to_right in zip(cells, widths, right, strict=True)
        )
        return "  ".join(padded).rstrip()

    return [line(head), *(line(row) for row in body)]


def plan_lines(plan: Json) -> list[str]:
    """A plan as it is read before it is approved: steps, findings, what was left out."""
    state = f" · {plan['state']}" if plan.get("state") else ""
    lines = [
        f"Plan {clean(plan['plan_id'])} · {clean(plan['verdict'])} · policy "
        f"{clean(plan['policy'])}{state} · {clean(plan.get('source'))}",
        "",
        *table(
            ("n", "phase", "side", "symbol", "qty", "type", "limit", "price", "cash after", "done"),
            (_step_cells(step) for step in plan["steps"]),
        ),
    ]
    findings = [f for f in plan["findings"] if f["severity"] != "pass"]
    if findings:
        lines += ["", "Findings"]
        lines += [f"  {f['severity'].upper():<5} {clean(f['message'])}" for f in findings]
    if plan.get("validation"):
        lines += ["", *validation_lines(plan["validation"])]
    instead = [step for step in plan["steps"] if step.get("underlying")]
    if instead:
        lines += ["", "In place of what was suggested"]
        lines += [
            f"  {clean(step['symbol'])} for {clean(step['underlying'])}: {clean(step['reason'])}"
            for step in instead
        ]
    if plan["skipped"]:
        lines += ["", "Left out"]
        lines += [f"  {clean(s['symbol'])}: {clean(s['reason'])}" for s in plan["skipped"]]
    before, after = plan.get("before") or {}, plan.get("after") or {}
    lines += [
        "",
        f"Cash {money(before.get('cash'))} → {money(after.get('cash'))}"
        f" ({percent(before.get('cash_weight'))} → {percent(after.get('cash_weight'))})",
    ]
    if plan.get("reason"):
        lines.append(f"Reason: {clean(plan['reason'])}")
    for asked in plan.get("escalations") or ():
        lines += ["", *escalation_lines(asked)]
    return lines + _standing(plan)


def validation_lines(validation: Json) -> list[str]:
    """A recommendation's six checks, each passed or failed, and why those that failed did."""
    lines = [f"Stock validation of {clean(validation['ticker'])}: {clean(validation['status'])}"]
    lines += [
        f"  {'passed' if well else 'FAILED'}  {clean(check)}"
        for check, well in validation["checks"].items()
    ]
    return lines + [f"  {clean(reason)}" for reason in validation["reasons"]]


RUNNING = frozenset({"selling", "settling", "buying", "protecting", "paused", "halted"})


def _standing(plan: Json) -> list[str]:
    """Of a plan under way: what is left if it stops here, and what may be done."""
    if plan.get("state") not in RUNNING:
        return []
    ledger = plan.get("ledger") or {}
    stopped = ledger.get("if_stopped") or {}
    lines = [
        f"If it stops here: cash {money(stopped.get('cash'))} "
        f"({percent(stopped.get('cash_weight'))}), {money(ledger.get('reserved'))} in open buys"
    ]
    if offers := plan.get("offers"):
        lines.append(f"What may be done: {', '.join(map(clean, offers))}")
    return lines


def _step_cells(step: Json) -> list[str]:
    filled = step.get("filled_qty")
    nothing = filled is None or not Decimal(str(filled))
    done = "-" if nothing else f"{clean(filled)} @ {price(step.get('filled_avg_price'))}"
    return [
        clean(step["n"]),
        clean(step["phase"]),
        clean(step["side"]).upper(),
        clean(step["symbol"]),
        clean(step["qty"]),
        kind(step),
        price(step.get("limit_price")),
        price(step["expected_price"]),
        money(step["expected_cash_after"]),
        done,
    ]


def kind(order: Json) -> str:
    """Its type, the stop it waits for, and how long it rests where that is not the day."""
    words = [clean(order["type"])]
    if order.get("stop_price") is not None:
        words.append(price(order["stop_price"]))
    if (time := clean(order.get("time_in_force"))) not in ("-", "day"):
        words.append(time)
    if order.get("extended_hours"):
        words.append("ext")
    return " ".join(words)


def card_lines(card: Json) -> list[str]:
    """An approval card: everything that is agreed to by typing its token (spec 8)."""
    lines = [
        f"APPROVE plan {clean(card['plan_id'])} revision {clean(card['revision'])}"
        f" · {clean(card['verdict'])}",
        f"{clean(card['environment']).upper()} account {clean(card['account'])}"
        f" · trading {clean(card['trading_state'])}",
        f"{clean(card['sells'])} sells, {clean(card['buys'])} buys"
        f" · cash at worst {money(card['worst_case_cash'])}, after {money(card['cash_after'])}",
        "",
        *table(
            ("n", "side", "symbol", "qty", "type", "limit", "value"),
            (
                [
                    clean(order["n"]),
                    clean(order["side"]).upper(),
                    clean(order["symbol"]),
                    clean(order["qty"]),
                    kind(order),
                    clean(order.get("limit_price")),
                    money(order["expected_value"]),
                ]
                for order in card["orders"]
            ),
        ),
    ]
    lines += [f"{f['severity'].upper():<5} {clean(f['message'])}" for f in card["findings"]]
    lines += [
        f"DRIFT {clean(d['symbol'])} {clean(d['reference_price'])} → {clean(d['price'])} "
        f"({percent(d['drift'])}, more than {percent(card['tolerance'])})"
        for d in card["drift"]
        if d.get("beyond")
    ]
    lines += [clean(exception) for exception in card.get("exceptions", ())]
    lines += [f"NOTE  {clean(caveat)}" for caveat in card.get("caveats", ())]
    lines += [clean(note) for note in card.get("notes", ())]
    lines += [clean(card[name]) for name in ("waiting", "acknowledge") if card.get(name)]
    lines += ["", f"Token {clean(card['token'])}, until {clean(card['expires_at'])}"]
    return lines


def escalation_lines(asked: Json) -> list[str]:
    """A request for an exception: what would be let pass, of whom it is asked, until when, and the
    answer."""
    lines = [
        f"{clean(asked['escalation_id'])}: {clean(asked['by'])} asks {clean(asked['to'])} until "
        f"{clean(asked['deadline'])}: {clean(asked['asked'])}"
    ]
    for one in asked["violations"]:
        covered = f" (covered: {clean(one['covered'])})" if one.get("covered") else ""
        lines.append(f"BLOCK {clean(one['check'])}: {clean(one['message'])}{covered}")
    lines.append(f"Dry run: {clean(asked['report'])}")
    answered = f"{clean(asked['outcome'])}"
    if asked.get("approver"):
        answered += f" by {clean(asked['approver'])}: {clean(asked['reason'])}"
    if asked.get("number"):
        answered += f" (exception {clean(asked['number'])} of {clean(asked['of'])} today)"
    return [*lines, answered]


def event_line(event: Json) -> str:
    """One journal event: time, number, kind, what it is about, and its short values."""
    about = [
        f"step {event['step']}" if event.get("step") is not None else "",
        event.get("symbol") or "",
        event.get("client_order_id") or "",
    ]
    payload = event.get("payload") or {}
    fill = payload.get("fill") or {}
    values = [
        f"{clean(key)}={clean(value)}"
        for key, value in (payload | {name: fill[name] for name in FILL if name in fill}).items()
        if isinstance(value, str | int | Decimal)
        and value != ""
        and len(str(value)) <= LONGEST_VALUE
    ]
    parts = [str(event["at"])[11:19], f"#{event['seq']}", event["kind"], *about, *values]
    return " ".join(clean(part) for part in parts if part)


FILL = ("qty", "price")
"""What an execution's line says of it."""
LONGEST_VALUE = 120
"""Longer values, such as a whole plan, are not for one line."""


def _numeric(cell: str) -> bool:
    return cell == "-" or cell.strip("-+%$").replace(",", "").replace(".", "", 1).isdigit()
