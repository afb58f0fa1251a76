"""Stories that the siege told first, each as short as it can be told. In a process of their own, for
what a killed desk leaves behind is nobody else's."""

import asyncio
import gc
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import nullcontext

import pytest
import siege_mutants
from siege_desk import REPLACED
from siege_end import finale
from siege_evidence import ViolationError
from siege_machine import ON_ORDERS
from siege_world import World

from db.model.run import Mode, PlanState

pytestmark = pytest.mark.siege


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    for place, name in REPLACED:
        monkeypatch.setattr(place, name, getattr(place, name))  # as it was, at the end
    made = World(7, Counter())
    yield made
    asyncio.set_event_loop(None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what a killed desk was about to wait for
        made.close()
        gc.collect()


def test_shares_that_another_plan_sold_are_not_sold_short_invariant_19(world: World) -> None:
    """Both plans were approved while the shares were there. In a margin account the broker takes
    the second sale as a short one."""
    first = world.propose([("sell", "MSFT", 20, "")])
    second = world.propose([("sell", "NEM", 150, ""), ("sell", "MSFT", 20, "")])
    assert first is not None and second is not None
    world.go(second, Mode.STEP)
    world.each_plan("next")
    world.wait(1)
    world.go(first, Mode.AUTO)
    world.wait(2)
    assert world.evidence.held("MSFT") == 0
    world.each_plan("next")
    world.wait(3)
    world.check()
    run = world.run_of(second)
    assert run is not None and run.state is PlanState.PAUSED
    assert "MSFT" in run.reason
    assert world.evidence.held("MSFT") == 0
    finale(world)


def test_another_start_books_nothing_again_invariant_10(world: World) -> None:
    """Positions closed, trading resumed, and only then the desk dies: what it reads of its journal
    must hold the fills of every order that it reads."""
    world.halt()
    world.flatten()
    world.wait(2)
    assert world.evidence.held("NEM") == 0
    world.of_the_desk("reconcile")
    world.resume()
    world.kill()
    assert world.start()
    world.wait(2)
    assert world.desk.reconciler.clean, world.desk.reconciler.open
    finale(world)


@pytest.mark.parametrize("breakage", ["", "a part is not held"])
def test_a_part_that_nothing_protects_is_seen(world: World, breakage: str) -> None:
    """What was bought before an abort is held like any other; the judge sees it when it is not."""
    name, parameters = ON_ORDERS["small partial fill"]
    world.strike("small partial fill", name, {"nth": 1, "every": 1, "times": 30}, parameters)
    with siege_mutants.broken(breakage):
        plan_id = world.propose([("buy", "ABBV", 10, "")])
        assert plan_id is not None
        world.go(plan_id, Mode.AUTO)
        world.wait(3)
        world.each_plan("abort")
        world.wait(50)
        assert 0 < world.evidence.held("ABBV") < 10
        with pytest.raises(ViolationError, match="unprotected") if breakage else nullcontext():
            world.check()
    if not breakage:
        finale(world)
