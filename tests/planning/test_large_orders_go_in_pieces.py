"""A large order is sent in pieces where the policy wants it or the trader says so; either is part of
what is approved (spec 4, Order guidance; spec 5, Sliced orders; invariant 22)."""

from decimal import Decimal

import pytest
from planning_world import rebalance, rebalance_facts
from risk_world import with_limits, world

from db.model.order import Side
from db.model.slicing import Algorithm, AlgorithmName
from services.planning import PlanEditError, revise
from services.planning.guidance import guide
from services.planning.report import markdown

TWAP = Algorithm(name=AlgorithmName.TWAP, minutes=Decimal(30))


@pytest.mark.parametrize(("line", "sliced"), [(None, False), ("0.0001", True), ("0.9", False)])
def test_above_the_policys_share_of_a_days_volume(line: str | None, sliced: bool) -> None:
    facts = world(policy=with_limits(slice_above_adv_share=line))
    qty = (facts.adv("AAA") or Decimal(0)) * Decimal("0.001")
    made = guide(facts, "AAA", Side.BUY, qty)
    assert (made.algorithm is not None) is sliced
    assert ("in pieces over 60 minutes (TWAP)" in made.why) is sliced


def test_an_algorithm_is_an_edit_that_voids_what_was_approved() -> None:
    plan, facts = rebalance(), rebalance_facts()
    sliced = revise(plan, facts, algorithms={1: TWAP})
    assert (sliced.revision, sliced.step(1).algorithm) == (plan.revision + 1, TWAP)
    assert sliced.hash != plan.hash
    assert "twap over 30 min" in markdown(sliced)
    assert revise(sliced, facts, algorithms={1: None}).hash == plan.hash
    assert revise(sliced, facts, resize={1: Decimal(10)}).step(1).algorithm == TWAP


@pytest.mark.parametrize(
    ("n", "algorithm", "said"),
    [
        (99, TWAP, "no step 99"),
        (
            1,
            Algorithm.model_validate({"name": "twap", "end_at": "2001-01-01T15:00:00Z"}),
            "its end is over already",
        ),
        (1, Algorithm(name=AlgorithmName.TWAP, interval_seconds=1), "60 pieces a minute"),
    ],
)
def test_what_cannot_be_sliced_is_refused(n: int, algorithm: Algorithm, said: str) -> None:
    with pytest.raises(PlanEditError, match=said):
        revise(rebalance(), rebalance_facts(), algorithms={n: algorithm})


def test_by_hand_nothing_is_sent_in_pieces() -> None:
    by_hand = rebalance().model_copy(update={"environment": "manual"})
    with pytest.raises(PlanEditError, match="one ticket"):
        revise(by_hand, rebalance_facts(), algorithms={1: TWAP})
