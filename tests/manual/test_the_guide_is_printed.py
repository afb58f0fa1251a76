"""The guide to print: every step in order with its ticket, boxes and room for fills. Pure."""

from hand_makers import AT, NEW_YORK, plan_of, ticket

from db.model.run import PlanRun, PlanState
from db.model.ticket import CHECKLIST, Ticket
from services.reports.guide import HALTING_RULES, guide, guide_name


def printed(*tickets: Ticket) -> str:
    run = PlanRun(plan=plan_of("evil | name"), state=PlanState.SELLING)
    return guide(run, tickets, "U-77", AT, NEW_YORK)


def test_steps_stand_in_order_sells_first_with_room_for_what_filled() -> None:
    text = printed()
    places = [text.index(f"### Step {n}: ") for n in (1, 2, 3)]
    assert places == sorted(places)
    assert text.index("## Sells first") < places[0] < text.index("## Buys") < places[2]
    assert sum(line.startswith("| __________ |") for line in text.splitlines()) == 6
    for rule in HALTING_RULES:
        assert rule in text
    for item in CHECKLIST[:-1]:
        assert text.count(f"☐ {item.words}") == 3
    assert "main (U-77)" in text
    assert "10:30" in text, "in the trader's own time"


def test_what_was_typed_stands_in_it() -> None:
    text = printed(ticket(("40", "79.95"), confirmation="A|7"))
    assert "| 40 | $79.95 | 10:30:00 | $0.00 | A\\|7 |" in text
    assert "☑ The order is placed" not in text


def test_outside_text_is_only_text() -> None:
    text = printed()
    assert "evil \\| name" in text
    assert guide_name("3f9a") == "guide-3f9a.md"


def test_the_same_plan_prints_the_same() -> None:
    assert printed() == printed()
