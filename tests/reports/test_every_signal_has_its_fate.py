"""From received to closed: how far each signal came, and what it earned (spec 2.D)."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

from risk_world import NOW, with_limits, world

from db.model.event import KINDS, Event
from db.model.idea import Direction, Idea
from db.model.plan import Plan
from db.model.proposal import IdeasProposal
from services.planning import make_plan
from services.reports.signal_fates import SignalFate, Stage, signal_fates


class Journal:
    def __init__(self) -> None:
        self.events: list[Event] = []

    def add(self, kind: str, payload: dict[str, Any] | None = None, **more: Any) -> None:
        assert kind in KINDS
        n = len(self.events)
        at = NOW + timedelta(seconds=n)
        self.events.append(
            Event(kind=kind, payload=payload or {}, seq=n, at=at, prev_hash="", hash="", **more)
        )

    def heard(self, idea: Idea, fate: str = "passed") -> None:
        said = {"source": "s.json", "sha256": "f" * 64, "fate": fate, "reason": "because"}
        self.add("SignalHeard", {**said, "idea": idea.to_json()})

    def fill(
        self,
        step: int | None,
        side: str,
        qty: str,
        price: str,
        plan: str | None = "1",
        symbol: str = "AAA",
    ) -> None:
        fill = {"side": side, "qty": qty, "price": price}
        self.add(
            "FillReceived", {"fill": fill}, plan_id=plan, step=step, account="main", symbol=symbol
        )

    def fates(self) -> tuple[SignalFate, ...]:
        return signal_fates(self.events)


def signal(name: str, ticker: str = "AAA") -> Idea:
    return Idea(
        id=name, ticker=ticker, source="ema", signal_type="CROSS", at=NOW,
        conviction=Decimal(80), entry_price=Decimal(100), stop_price=Decimal(92),
    )  # fmt: skip


def planned(*ideas: Idea) -> Plan:
    proposal = IdeasProposal(kind="signal", source="s.json", sha256="f" * 64, ideas=ideas)
    return make_plan(proposal, world(), "1", "sim")


def test_from_received_to_closed() -> None:
    journal = Journal()
    journal.heard(signal("a"))
    journal.heard(signal("b"), "duplicate")
    plan = planned(signal("a"))
    journal.add("PlanCreated", {"plan": plan.to_json()}, plan_id="1")
    assert [fate.stage for fate in journal.fates()] == [Stage.SIZED, Stage.GUARDED]
    journal.add("PlanApproved", plan_id="1")
    journal.add("OrderSent", plan_id="1", step=1, client_order_id="qd-1-s01-c1-a1")
    journal.fill(1, "buy", "10", "100")
    journal.fill(1, "buy", "10", "101")
    assert journal.fates()[0].stages[-1].what == "20 at 100.5"
    # the stop of the step sells 5 at 95, somebody 15 at 110: 5 × -5.50 + 15 × 9.50 = 115
    journal.fill(1, "sell", "5", "95")
    assert (journal.fates()[0].closed_qty, journal.fates()[0].realized) == (5, Decimal("-27.5"))
    journal.fill(None, "sell", "15", "110", plan=None)
    one, other = journal.fates()
    assert [stamp.stage for stamp in one.stages] == list(Stage)
    assert (one.plan_id, one.step, one.filled_qty, one.closed_qty) == ("1", 1, 20, 20)
    assert one.realized == 115
    assert one.stages[-1].what == "all of it, profit 115.00"
    assert one.stages[-1].at == NOW + timedelta(seconds=7), "the time of the first"
    assert (one.ended, other.ended, other.plan_id) == ("", "duplicate", None)


def test_where_a_signal_ends_is_said() -> None:
    refused, skipped, rejected, gone = Journal(), Journal(), Journal(), Journal()
    refused.heard(signal("a"))
    refused.add("ProposalRefused", {"source": "s.json", "reason": "no account x"})
    assert refused.fates()[0].ended == "no account x"
    skipped.heard(signal("a"))
    short = signal("a").model_copy(update={"direction": Direction.SHORT})
    skipped.add("PlanCreated", {"plan": planned(short).to_json()}, plan_id="1")
    assert "nothing is sold short" in skipped.fates()[0].ended
    for journal in (rejected, gone):
        journal.heard(signal("a"))
        journal.add("PlanCreated", {"plan": planned(signal("a")).to_json()}, plan_id="1")
    rejected.add("PlanRejected", {"reason": "not today"}, plan_id="1")
    assert (rejected.fates()[0].ended, rejected.fates()[0].stage) == ("not today", Stage.SIZED)
    gone.fill(1, "buy", "10", "100")
    gone.add("PositionAdopted", {"qty": "0"}, account="main", symbol="AAA")
    assert (gone.fates()[0].closed_qty, gone.fates()[0].realized) == (10, None)


def test_a_short_signal_that_sells_what_is_held_is_filled_by_the_sale() -> None:
    idea = signal("a").model_copy(update={"direction": Direction.SHORT, "stop_price": None})
    proposal = IdeasProposal(kind="signal", source="s.json", sha256="f" * 64, ideas=(idea,))
    journal = Journal()
    journal.heard(idea)
    plan = make_plan(proposal, world(held={"AAA": "5"}), "1", "sim")
    journal.add("PlanCreated", {"plan": plan.to_json()}, plan_id="1")
    journal.fill(1, "sell", "5", "100")
    (fate,) = journal.fates()
    assert (fate.stage, fate.filled_qty, fate.closed_qty) == (Stage.FILLED, 5, 0)


def test_a_short_signal_by_its_bear_fund_is_followed_there() -> None:
    """5 AAA that are held go, too; the fate is the fund's: 10 at 20, sold at 25, a profit of 50."""
    facts = world(
        held={"AAA": "5"},
        prices={"TECL": "40", "TECS": "20"},
        sectors={"AAA": "Technology"},
        factors={"TECL": "3", "TECS": "-3"},
        policy=with_limits(signal_instruments="leveraged_etf"),
    )
    idea = signal("a").model_copy(update={"direction": Direction.SHORT, "stop_price": None})
    proposal = IdeasProposal(kind="signal", source="s.json", sha256="f" * 64, ideas=(idea,))
    plan = make_plan(proposal, facts, "1", "sim")
    assert [(step.side, step.symbol) for step in plan.steps] == [("sell", "AAA"), ("buy", "TECS")]
    journal = Journal()
    journal.heard(idea)
    journal.add("PlanCreated", {"plan": plan.to_json()}, plan_id="1")
    journal.fill(1, "sell", "5", "100")
    assert journal.fates()[0].stages[-1].what == f"buy {plan.steps[1].qty:f} TECS"
    journal.fill(2, "buy", "10", "20", symbol="TECS")
    journal.fill(None, "sell", "10", "25", plan=None, symbol="TECS")
    (fate,) = journal.fates()
    assert (fate.step, fate.filled_qty, fate.closed_qty, fate.realized) == (2, 10, 10, 50)
