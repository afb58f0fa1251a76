"""When faults strike: counting, windows of time, deeds and their end; the same again every time."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.exchange.scenarios.director import Director, Undo
from services.exchange.scenarios.faults import CancelLost, CancelStuck, Fault, LoseEvent, name_of
from services.exchange.scenarios.reading import ScenarioError, Step, step_of
from services.exchange.scenarios.triggers import Occasion


@dataclass
class Clock:
    at: datetime = datetime(2026, 3, 3, 17, 0, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at

    def pass_(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


@dataclass
class Stage:
    """Writes down what is done and undone; refuses what it is told to."""

    done: list[str] = field(default_factory=list)
    refusing: str = ""

    def check(self, step: Step) -> None:
        if getattr(step.fault, "symbol", None) == "NONE":
            raise ScenarioError("There is no symbol NONE on this exchange.")

    def do(self, fault: Fault, occasion: Occasion, until: datetime | None) -> Undo:
        if name_of(fault) == self.refusing:
            raise ScenarioError("insufficient qty")
        self.done.append(name_of(fault))
        return lambda: self.done.append(f"undo {name_of(fault)}")

    def remember(self, now: datetime) -> None:
        self.done.append("remember")


class Rehearsal:
    def __init__(self, *tables: dict[str, Any], seed: int = 7) -> None:
        self.clock, self.stage = Clock(), Stage()
        steps = [step_of(table) for table in tables]
        self.director = Director(self.clock, seed, self.stage, steps)

    def request(self, method: str = "GET", path: str = "/v2/account", **more: Any) -> list[str]:
        struck = self.director.on_request(Occasion(method=method, path=path, **more))
        return [name_of(fault) for fault in struck]

    def struck(self, requests: int) -> list[int]:
        """Which of so many requests are struck, counted from 1."""
        return [n for n in range(1, requests + 1) if self.request()]


@pytest.mark.parametrize(
    ("when", "struck"),
    [
        ({}, [1, 2, 3, 4, 5, 6, 7, 8, 9]),
        ({"nth": 3}, [3]),
        ({"every": 3}, [3, 6, 9]),
        ({"nth": 2, "every": 3}, [2, 5, 8]),
        ({"times": 2}, [1, 2]),
        ({"nth": 3, "times": 2}, [3, 4]),
        ({"every": 2, "times": 2}, [2, 4]),
        ({"share": 1}, [1, 2, 3, 4, 5, 6, 7, 8, 9]),
    ],
)
def test_matching_occasions_are_counted(when, struck):
    assert Rehearsal({"do": "drop", "when": when}).struck(9) == struck


@pytest.mark.parametrize(
    ("when", "asked", "struck"),
    [
        ({"method": "POST"}, {"method": "POST"}, True),
        ({"method": "POST"}, {"method": "GET"}, False),
        ({"path": "/v2/orders*"}, {"path": "/v2/orders/17"}, True),
        ({"path": "/v2/orders"}, {"path": "/v2/orders/17"}, False),
        ({"symbol": "NEM"}, {"symbol": "NEM"}, True),
        ({"symbol": "NEM"}, {"symbol": ""}, False),
        ({"order": 2}, {"order": 2}, True),
        ({"order": 2}, {"order": 1}, False),
        ({"account": "main"}, {"account": "second"}, False),
        ({"method": "POST", "symbol": "NEM"}, {"method": "POST", "symbol": "AA"}, False),
    ],
)
def test_all_conditions_must_hold(when, asked, struck):
    assert bool(Rehearsal({"do": "drop", "when": when}).request(**asked)) is struck


def test_only_what_matches_is_counted():
    rehearsal = Rehearsal({"do": "drop", "when": {"method": "POST", "nth": 2}})
    asked = ["GET", "POST", "GET", "POST", "POST"]
    assert [bool(rehearsal.request(method)) for method in asked] == [False] * 3 + [True, False]


def test_a_window_of_time_counts_from_its_time():
    rehearsal = Rehearsal({"do": "drop", "when": {"after": 10, "lasts": 5}})
    struck = []
    for second in range(20):
        if rehearsal.request():
            struck.append(second)
        rehearsal.clock.pass_(1)
    assert struck == [10, 11, 12, 13, 14]


def test_with_nth_it_lasts_from_that_occasion():
    rehearsal = Rehearsal({"do": "drop", "when": {"nth": 3, "lasts": 2}})
    struck = []
    for second in range(8):
        if rehearsal.request():
            struck.append(second)
        rehearsal.clock.pass_(1)
    assert struck == [2, 3]


def test_several_faults_strike_one_request_in_their_order():
    rehearsal = Rehearsal({"do": "delay"}, {"do": "gateway_timeout"}, {"do": "halt"})
    assert rehearsal.request() == ["delay", "gateway_timeout"]


def test_a_deed_is_done_once_at_its_time_and_taken_back_when_it_is_over():
    rehearsal = Rehearsal({"do": "halt", "when": {"after": 5, "lasts": 3}})
    seen = []
    for _ in range(12):
        rehearsal.director.turn()
        seen.append(tuple(rehearsal.stage.done))
        rehearsal.clock.pass_(1)
    assert seen[4] == ()
    assert seen[5] == seen[7] == ("halt",)
    assert seen[8] == seen[11] == ("halt", "undo halt")


def test_a_deed_that_waits_for_an_order_is_done_before_that_order():
    rehearsal = Rehearsal({"do": "halt", "when": {"order": 2}})
    rehearsal.request("POST", "/v2/orders", order=1)
    assert rehearsal.stage.done == []
    rehearsal.request("POST", "/v2/orders", order=2)
    assert rehearsal.stage.done == ["halt"]


def test_a_deed_the_exchange_refuses_is_told_of():
    rehearsal = Rehearsal({"do": "outside_trade"})
    rehearsal.stage.refusing = "outside_trade"
    rehearsal.director.turn()
    assert rehearsal.director.listing()[0]["refused"] == "insufficient qty"


def test_what_is_injected_counts_from_then_and_can_be_stopped():
    rehearsal = Rehearsal()
    assert rehearsal.director.idle
    rehearsal.clock.pass_(100)
    drop = rehearsal.director.inject(step_of({"do": "drop", "when": {"after": 1}}))
    halt = rehearsal.director.inject(step_of({"do": "halt"}))
    assert rehearsal.request() == []
    rehearsal.clock.pass_(1)
    assert rehearsal.request() == ["drop"]
    assert rehearsal.director.stop(drop)
    assert rehearsal.director.stop(halt)
    assert not rehearsal.director.stop(99)
    assert rehearsal.request() == []
    assert rehearsal.stage.done == ["halt", "undo halt"]


def test_what_is_not_on_this_exchange_is_refused_when_it_is_armed():
    with pytest.raises(ScenarioError, match="no symbol NONE"):
        Rehearsal({"do": "halt", "symbol": "NONE"})


def test_events_are_asked_for_their_own_faults_alone():
    rehearsal = Rehearsal(
        {"do": "drop"},
        {"do": "lose_event", "when": {"event": "fill"}},
        {"do": "close_stream", "when": {"event": "fill", "nth": 2}},
    )
    fill = Occasion(stream="trade_updates", event="fill", symbol="NEM")
    new = Occasion(stream="trade_updates", event="new", symbol="NEM")

    def ask(occasion: Occasion) -> list[Fault]:
        return rehearsal.director.on_event(occasion, of=lambda fault: True)

    assert ask(new) == []
    assert ask(fill) == [LoseEvent()]
    assert rehearsal.stage.done == []
    ask(fill)
    assert rehearsal.stage.done == ["close_stream"]


def test_faults_of_orders_are_asked_by_kind_and_order():
    rehearsal = Rehearsal(
        {"do": "cancel_lost", "when": {"order": 2}}, {"do": "cancel_stuck", "when": {"nth": 2}}
    )
    first, second = Occasion(order=1, symbol="NEM"), Occasion(order=2, symbol="NEM")
    director = rehearsal.director
    assert director.on_order(first, CancelLost) is None
    assert director.on_order(second, CancelLost) == CancelLost()
    assert director.on_order(first, CancelStuck) is None
    assert director.on_order(first, CancelStuck) == CancelStuck()


def test_orders_are_numbered_as_they_are_sent_with_their_legs():
    director = Rehearsal({"do": "drop"}).director
    assert director.order_sent() == 1
    with director.sending(1):
        assert (director.number_of("parent"), director.number_of("leg")) == (1, 1)
    assert director.order_sent() == 2
    assert (director.number_of("leg"), director.number_of("other")) == (1, 0)


CONDITIONS = st.fixed_dictionaries(
    {},
    optional={
        "nth": st.integers(1, 5),
        "every": st.integers(1, 5),
        "times": st.integers(1, 5),
        "after": st.integers(0, 10),
        "lasts": st.integers(1, 10),
        "share": st.sampled_from(["0.2", "0.5", "0.9"]),
        "method": st.sampled_from(["GET", "POST"]),
        "symbol": st.sampled_from(["NEM", "AA"]),
    },
)
DAY = st.lists(
    st.tuples(st.sampled_from(["GET", "POST"]), st.sampled_from(["NEM", "AA"]), st.integers(0, 3)),
    max_size=30,
)


@given(conditions=st.lists(CONDITIONS, max_size=4), day=DAY, seed=st.integers())
def test_same_seed_same_scenario_same_requests_same_faults(conditions, day, seed):
    def play() -> list[list[str]]:
        tables = [{"do": do, "when": when} for do, when in zip(KINDS, conditions, strict=False)]
        rehearsal = Rehearsal(*tables, seed=seed)
        struck = []
        for method, symbol, seconds in day:
            struck.append(rehearsal.request(method, symbol=symbol))
            rehearsal.clock.pass_(seconds)
        return struck

    assert play() == play()


KINDS = ("drop", "delay", "gateway_timeout", "malformed_json")


@given(share=st.sampled_from([0.1, 0.5]), seed=st.integers(0, 50))
def test_a_share_is_a_share(share, seed):
    struck = Rehearsal({"do": "drop", "when": {"share": share}}, seed=seed).struck(400)
    assert abs(len(struck) / 400 - share) < 0.12


def test_another_seed_strikes_others():
    when = {"share": 0.5}
    assert Rehearsal({"do": "drop", "when": when}, seed=1).struck(40) != Rehearsal(
        {"do": "drop", "when": when}, seed=2
    ).struck(40)
