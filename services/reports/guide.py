"""The guide of a plan to print: every step with its ticket, boxes to tick, room for what filled, and
when to stop (spec 5, Manual environment). Pure."""

from collections.abc import Iterable, Iterator
from datetime import datetime, tzinfo
from decimal import Decimal

from db.model.base import plain
from db.model.order import OrderRequest
from db.model.plan import Phase, Step
from db.model.run import PlanRun
from db.model.ticket import CHECKLIST, Claim, Ticket, order_form, order_line
from services.reports.markup import MISSING, escaped, table
from services.reports.portfolio_md import money

HALTING_RULES = (
    "A price is further from the expected one than you would accept: stop, and ask for a new plan.",
    "A sell did not fill, or not in full: no buy before Quarterdeck was told and the plan was cut to "
    "the cash that is there.",
    "The form asks for something that is not on the ticket: stop before you send it.",
    "You are not sure that an order was taken: look at the broker's list of orders. Never enter it "
    "again before you know.",
    "A number at the broker is not the one printed here: stop, and compare the books.",
    "Quarterdeck says HALTED: enter nothing more, and cancel by hand what it lists.",
)
_BOX = "☐"
_TICKED = "☑"
_ROOM = "__________"


def guide_name(plan_id: str) -> str:
    return f"guide-{plan_id}.md"


def guide(run: PlanRun, tickets: Iterable[Ticket], number: str, at: datetime, zone: tzinfo) -> str:
    """The guide as Markdown. What is known of fills already is filled in."""
    shown = tuple(tickets)
    return "\n".join(_lines(run, shown, number, at.astimezone(zone), zone)) + "\n"


def _lines(
    run: PlanRun, tickets: tuple[Ticket, ...], number: str, at: datetime, zone: tzinfo
) -> Iterator[str]:
    plan = run.plan
    yield f"# Guide to plan {escaped(plan.plan_id)}, revision {plan.revision}"
    yield ""
    yield f"Printed {at:%Y-%m-%d %H:%M %Z}. Account {escaped(number) or MISSING}. From {escaped(plan.source)}."
    yield f"Verdict {plan.verdict.value}, now {run.state.value.replace('_', ' ')}. Hash {plan.hash[:12]}."
    yield ""
    yield "## When to stop"
    yield ""
    yield from (f"- {rule}" for rule in HALTING_RULES)
    yield ""
    yield from _overview(run)
    for phase in (Phase.SELL, Phase.BUY):
        steps = plan.phase_steps(phase)
        if not steps:
            continue
        yield f"## {'Sells first' if phase is Phase.SELL else 'Buys, with the cash that is there'}"
        yield ""
        for step in steps:
            yield from _step(run, step, tickets, number, zone)
    yield "## At the end"
    yield ""
    yield f"- {_BOX} Every fill is typed into Quarterdeck."
    yield f"- {_BOX} The broker's positions and cash were entered (`quarterdeck positions import FILE`)."
    yield f"- {_BOX} The books agree: nothing is claimed any more."


def _overview(run: PlanRun) -> Iterator[str]:
    yield "## The order of things"
    yield ""
    rows = [
        (
            str(step.n),
            step.side.value.upper(),
            plain(step.qty),
            escaped(step.symbol),
            money(step.expected_price),
            money(step.expected_cash_after),
        )
        for step in run.plan.steps
    ]
    yield table(("#", "side", "quantity", "symbol", "expected price", "cash after"), rows)


def _step(
    run: PlanRun, step: Step, tickets: tuple[Ticket, ...], number: str, zone: tzinfo
) -> Iterator[str]:
    own = [t for t in tickets if t.step == step.n and not t.protective]
    ticket = own[-1] if own else None
    request = ticket.request if ticket is not None else _request(run, step)
    ticked = ticket.ticked if ticket is not None else ()
    yield f"### Step {step.n}: {step.side.value.upper()} {plain(step.qty)} {escaped(step.symbol)}"
    yield ""
    yield f"    {order_line(request)}"
    yield ""
    yield table(("field", "value"), [(n, escaped(v)) for n, v in order_form(request, number)])
    if step.why:
        yield f"Why: {escaped(step.why)}"
        yield ""
    yield from (_tick(i.words, i.name in ticked) for i in CHECKLIST if not i.after)
    yield ""
    yield table(
        ("quantity filled", "price", "time", "fee", "confirmation"),
        [*(_fill(one, zone) for t in own for one in t.claims), (_ROOM,) * 5, (_ROOM,) * 5],
    )
    later = (i for i in CHECKLIST if i.after and i.name != "cancelled")
    yield from (_tick(i.words, i.name in ticked) for i in later)
    if step.stop_loss_price is not None or step.target_price is not None:
        stop, target = step.protection_at(step.expected_price)
        yield f"- {_BOX} Protected: stop {_price(stop)}, target {_price(target)}, moved to the price paid."
    if ticket is not None and ticket.reason:
        yield f"- {ticket.state.value.replace('_', ' ')}: {escaped(ticket.reason)}"
    yield ""


def _request(run: PlanRun, step: Step) -> OrderRequest:
    """What will be asked for, before it is."""
    return OrderRequest(
        client_order_id="",
        account=step.account,
        symbol=step.symbol,
        side=step.side,
        qty=step.qty,
        type=step.type,
        limit_price=run.limit_price(step),
        stop_price=step.stop_price,
        time_in_force=step.time_in_force,
        extended_hours=step.extended_hours,
    )


def _tick(words: str, ticked: bool) -> str:
    return f"- {_TICKED if ticked else _BOX} {words}"


def _fill(claim: Claim, zone: tzinfo) -> tuple[str, ...]:
    fill = claim.fill
    return (
        plain(fill.qty),
        money(fill.price),
        f"{fill.at.astimezone(zone):%H:%M:%S}",
        money(claim.fee),
        escaped(claim.confirmation) or MISSING,
    )


def _price(price: Decimal | None) -> str:
    return MISSING if price is None else money(price)
