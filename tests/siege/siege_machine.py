"""The state machine: hypothesis draws who does what, and shrinks what broke to its shortest telling.

A sequence begins with a plan under way, since nothing can go wrong before. What is drawn is small and
explicit, so that a failure reads like a story; only the network's latencies come from a seed."""

from collections import Counter
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from siege_end import finale
from siege_world import World

from db.model.run import Mode

COUNTS: Counter[str] = Counter()
"""What was done, refused, broken and judged in all sequences of this process."""

HELD = ("NEM", "FCX", "MSFT")
BOUGHT = ("ABBV", "CAT", "UNH")
PRICES = {"NEM": 80, "FCX": 40, "MSFT": 420, "ABBV": 200, "CAT": 400, "UNH": 330}

modes = st.sampled_from([Mode.AUTO, Mode.STEP, Mode.PHASE])


@st.composite
def baskets(draw: st.DrawFn) -> list[tuple[str, str, int, str]]:
    """Up to two sells of what is held, up to two buys of what is not, or of more than there is
    cash for."""
    sells = draw(st.lists(st.sampled_from(HELD), max_size=2, unique=True))
    buys = draw(
        st.lists(st.sampled_from(BOUGHT), min_size=0 if sells else 1, max_size=2, unique=True)
    )
    lines = [("sell", s, draw(st.sampled_from([5, 20])), _limit(draw, s, "sell")) for s in sells]
    lines += [("buy", s, draw(st.sampled_from([3, 10, 25])), _limit(draw, s, "buy")) for s in buys]
    return lines


def _limit(draw: st.DrawFn, symbol: str, side: str) -> str:
    """A market order, a limit that trades at once, one that rests."""
    kind = draw(st.sampled_from(["market", "market", "through", "resting"]))
    if kind == "market":
        return ""
    away = Decimal("0.01") if (kind == "through") == (side == "buy") else Decimal("-0.01")
    return f"{PRICES[symbol] * (1 + away):.2f}"


ORDERS = {"method": "POST", "path": "/v2/orders"}
CANCELS = {"method": "DELETE", "path": "/v2/orders*"}
LOOK_UPS = {"method": "GET", "path": "/v2/orders:by_client_order_id"}
LISTS = {"method": "GET", "path": "/v2/orders"}
POSITIONS = {"method": "GET", "path": "/v2/positions"}
ACCOUNT = {"method": "GET", "path": "/v2/account"}
FILLS = {"method": "GET", "path": "/v2/account/activities*"}
REQUESTS = {
    "orders": ORDERS, "cancels": CANCELS, "look-ups": LOOK_UPS, "lists": LISTS,
    "positions": POSITIONS, "account": ACCOUNT, "fills": FILLS, "all": {},
}  # fmt: skip
ANSWERS: dict[str, tuple[str, dict[str, Any]]] = {
    "504 after accept": ("gateway_timeout", {"processed": True}),
    "504 before accept": ("gateway_timeout", {"processed": False}),
    "drop after accept": ("drop", {"processed": True}),
    "drop before accept": ("drop", {"processed": False}),
    "hang after accept": ("hang", {"seconds": 40, "processed": True}),
    "hang before accept": ("hang", {"seconds": 40, "processed": False}),
    "delay": ("delay", {"seconds": 3}),
    "delay before acting": ("delay", {"seconds": 12, "before": True}),
    "429": ("rate_limited", {}),
    "500": ("server_error", {}),
    "503": ("unavailable", {}),
    "malformed JSON": ("malformed_json", {}),
    "truncated page": ("truncated_list", {"keep": 1}),
    "missing field": ("missing_field", {"field": "status"}),
    "missing quantity": ("missing_field", {"field": "filled_qty"}),
    "unknown enum": ("unknown_value", {"field": "status", "value": "under_enquiry"}),
    "stale positions": ("stale_positions", {"seconds": 10}),
}
EVENTS: dict[str, tuple[str, dict[str, Any]]] = {
    "duplicate": ("duplicate_event", {"copies": 3}),
    "lose": ("lose_event", {}),
    "reorder": ("swap_events", {}),
    "delay event": ("delay_event", {"seconds": 7}),
    "replay": ("replay_events", {"count": 5}),
    "event without field": ("missing_event_field", {"field": "qty"}),
    "event of unknown enum": ("unknown_event_value", {"field": "status"}),
}
ON_ORDERS: dict[str, tuple[str, dict[str, Any]]] = {
    "partial fill": ("partial_fill", {"share": "0.5"}),
    "small partial fill": ("partial_fill", {"share": "0.2"}),
    "venue reject": ("venue_reject", {}),
    "slow acknowledge": ("slow_acknowledge", {"seconds": 8}),
    "cancel lost": ("cancel_lost", {}),
    "cancel stuck": ("cancel_stuck", {"seconds": 20}),
    "cancel rejected": ("cancel_rejected", {}),
}
TIMES = {"small partial fill": 30}
"""Faults of orders that come again: an order that fills in many parts is open for long."""
STREAMS: dict[str, tuple[str, dict[str, Any]]] = {
    "close stream": ("close_stream", {"stream": "trade_updates"}),
    "dead stream": ("mute_stream", {"stream": "trade_updates"}),
    "dead quotes": ("mute_stream", {"stream": "data"}),
    "half-dead session": ("half_dead", {"stream": "trade_updates", "seconds": 15}),
}
STEPS = 10
"""Rules of one sequence, besides the plan that it begins with."""
BOUNDARIES = (
    "before a commit", "after a commit", "before POST", "after POST", "before DELETE",
    "after DELETE", "before GET", "after GET",
)  # fmt: skip


EXPECTED = (
    *(f"fault: {name}" for name in (*ANSWERS, *EVENTS, *ON_ORDERS, *STREAMS)),
    *(f"fault on requests for {name}" for name in REQUESTS),
    *(f"fault: kill {name}" for name in BOUNDARIES),
    "fault: network away", "fault: outside trade", "fault: price jump", "fault: symbol halted",
    *(f"act: {name}" for name in (
        "propose", "ticket", "card", "approve", "start auto", "start step", "start phase", "drop",
        "resize", "retype", "move", "undo", "next", "pause", "continue", "abort", "reprice", "resubmit", "cancel rest",
        "cancel order", "look up", "resend", "give up", "halt", "resume", "reduce", "flatten",
        "reconcile", "settle adopt", "settle ignore", "settle investigate",
    )),
    *(f"judged: {name}" for name in (
        "2 one order under one id", "3 one attempt at a time", "3 sent again with proof",
        "4 journal verifies and replays", "4 nothing forgotten", "4 another start changes nothing", "11 books agree in the end",
        "13 no step is exceeded", "15 sells before buys", "16 cash for a buy",
        "19 no more is sold than held", "25 a halt stays", "26 nothing leaves after a halt",
        "27 only what reduces", "paused and aborted plans rest", "protected or alarmed",
        "protected or alarmed in the end",
    )),
)  # fmt: skip
"""What a run counts: what never happened is shown as 0."""

Storm = tuple[str, str, dict[str, Any], dict[str, Any]]
"""What it is told as, the fault's name, when it strikes, its parameters."""


@st.composite
def storms(draw: st.DrawFn) -> Storm:
    """One fault on the n-th request, event or order of a kind that comes from now on."""
    n = draw(st.sampled_from([1, 1, 1, 2, 3]))
    match draw(st.sampled_from(["answer", "answer", "answer", "event", "order", "order"])):
        case "answer":
            what = draw(st.sampled_from(sorted(ANSWERS)))
            of = draw(
                st.sampled_from(["orders", "orders", "orders", "orders", "look-ups", *REQUESTS])
            )
            name, parameters = ANSWERS[what]
            times = draw(st.sampled_from([1, 1, 3]))
            when = {**REQUESTS[of], "nth": n, "every": 1, "times": times}
            return f"{what} / {of}", name, when, parameters
        case "event":
            what = draw(st.sampled_from(sorted(EVENTS)))
            name, parameters = EVENTS[what]
            return what, name, {"stream": "trade_updates", "nth": n}, parameters
        case _:
            what = draw(st.sampled_from(sorted(ON_ORDERS)))
            name, parameters = ON_ORDERS[what]
            return what, name, {"nth": n, "every": 1, "times": TIMES.get(what, 1)}, parameters


class Siege(RuleBasedStateMachine):
    """See the module."""

    def __init__(self) -> None:
        super().__init__()
        self.world: World | None = None
        self.broken = False

    @property
    def at(self) -> World:
        assert self.world is not None
        return self.world

    @initialize(
        seed=st.integers(0, 2**16), basket=baskets(), mode=modes, weather=st.just([]) | st.lists(storms(), min_size=1, max_size=4),
        doom=st.none() | st.tuples(st.sampled_from(BOUNDARIES), st.integers(1, 20)),
        wait=st.sampled_from([0.02, 0.3, 1.5]),
    )  # fmt: skip
    def a_plan_under_way(
        self, seed: int, basket: Any, mode: Mode, weather: Any, doom: Any, wait: float
    ) -> None:
        COUNTS["sequences"] += 1
        self.broken = True
        self.world = World(seed, COUNTS)
        plan = self.at.propose(basket)
        for storm in weather:
            self.at.strike(*storm)
        if plan is not None and self.at.approve(plan, mode):
            self.at.doom = doom
            self.at.begin(plan, mode)
        self.at.wait(wait)
        self.broken = False

    # -- time ----------------------------------------------------------------------------------

    @rule(seconds=st.sampled_from([0.05, 0.4, 2.5]))
    def wait(self, seconds: float) -> None:
        self.at.wait(seconds)

    @rule(seconds=st.sampled_from([6.0, 13.0, 65.0]))
    def wait_longer(self, seconds: float) -> None:
        self.at.wait(seconds)

    # -- faults --------------------------------------------------------------------------------

    @rule(storm=storms())
    def something_goes_wrong(self, storm: Any) -> None:
        self.at.strike(*storm)

    @rule(what=st.sampled_from(sorted(STREAMS)))
    def streams_die(self, what: str) -> None:
        name, parameters = STREAMS[what]
        self.at.strike(what, name, {}, parameters)

    @rule(seconds=st.sampled_from([1.0, 8.0]))
    def the_network_is_away(self, seconds: float) -> None:
        self.at.network_away(seconds)

    # -- market and others ---------------------------------------------------------------------

    @rule(symbol=st.sampled_from([*HELD, *BOUGHT]), percent=st.sampled_from([-20, -9, -3, 3, 18]))
    def the_price_jumps(self, symbol: str, percent: int) -> None:
        self.at.jump(symbol, percent)

    @rule(symbol=st.sampled_from([*HELD, *BOUGHT]), seconds=st.sampled_from([3, 30]))
    def trading_in_a_symbol_halts(self, symbol: str, seconds: int) -> None:
        self.at.strike("symbol halted", "halt", {"lasts": seconds}, {"symbol": symbol})

    @rule(symbol=st.sampled_from([*HELD, *BOUGHT]), side=st.sampled_from(["sell", "buy"]),
          qty=st.sampled_from([1, 7]))  # fmt: skip
    def somebody_else_trades(self, symbol: str, side: str, qty: int) -> None:
        self.at.trade_outside(symbol, side, qty)

    # -- death and life ------------------------------------------------------------------------

    @precondition(lambda self: self.at.alive)
    @rule(
        boundary=st.sampled_from(BOUNDARIES),
        n=st.integers(1, 6),
        wait=st.sampled_from([0.5, 4.0]),
        again=st.booleans(),
    )
    def the_desk_is_killed(self, boundary: str, n: int, wait: float, again: bool) -> None:
        self.at.doom = (boundary, n)
        self.at.wait(wait)
        if again and not self.at.alive:
            self.at.start()

    @precondition(lambda self: not self.at.alive)
    @rule()
    def the_desk_is_started(self) -> None:
        self.at.start()

    # -- the trader ----------------------------------------------------------------------------

    @precondition(lambda self: self.at.alive)
    @rule(basket=baskets(), mode=modes)
    def another_plan(self, basket: Any, mode: Mode) -> None:
        if (plan := self.at.propose(basket)) is not None:
            self.at.go(plan, mode)

    @precondition(lambda self: self.at.alive)
    @rule(symbol=st.sampled_from([*HELD, *BOUGHT]), side=st.sampled_from(["buy", "sell", "sell"]),
          qty=st.sampled_from([2, 10]), mode=modes)  # fmt: skip
    def a_ticket(self, symbol: str, side: str, qty: int, mode: Mode) -> None:
        if (plan := self.at.ticket(side, symbol, qty)) is not None:
            self.at.go(plan, mode)

    @precondition(lambda self: self.at.alive)
    @rule(basket=baskets(), n=st.integers(1, 3), mode=modes,
          how=st.lists(st.sampled_from(["drop", "resize", "retype", "move", "undo"]), min_size=1, max_size=3))  # fmt: skip
    def a_plan_is_edited(self, basket: Any, n: int, how: list[str], mode: Mode) -> None:
        if (plan := self.at.propose(basket)) is not None:
            for edit in how:
                self.at.edit(plan, n, edit)
            self.at.go(plan, mode)

    @precondition(lambda self: self.at.alive)
    @rule(times=st.integers(1, 4))
    def next(self, times: int) -> None:
        for _ in range(times):
            self.at.each_plan("next")
            self.at.wait(0.4)

    @precondition(lambda self: self.at.alive)
    @rule(what=st.sampled_from(["pause", "continue", "abort", "reprice", "resubmit", "cancel rest",
                                "cancel order", "look up", "resend", "give up", "continue"]))  # fmt: skip
    def of_a_plan(self, what: str) -> None:
        self.at.each_plan(what)

    @precondition(lambda self: self.at.alive)
    @rule(
        what=st.sampled_from(["halt", "halt", "resume", "resume", "reduce", "flatten", "reconcile"])
    )
    def of_the_desk(self, what: str) -> None:
        self.at.of_the_desk(what)

    @precondition(lambda self: self.at.alive)
    @rule(action=st.sampled_from(["adopt", "adopt", "investigate", "ignore"]))
    def a_difference_is_signed(self, action: str) -> None:
        self.at.settle(action)

    # -- what must hold ------------------------------------------------------------------------

    @invariant()
    def everything_holds(self) -> None:
        if self.world is not None:
            self.broken = True
            self.at.check()
            self.broken = False

    def teardown(self) -> None:
        if self.world is None:
            return
        try:
            if not self.broken:
                finale(self.at)
        finally:
            self.at.close()
