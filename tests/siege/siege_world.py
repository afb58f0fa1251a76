"""One sequence: an exchange, a home, the lives of a desk over it, and everybody who acts on them."""

import asyncio
import gc
import logging
import shutil
import tempfile
from collections import Counter
from collections.abc import Awaitable, Callable
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

from siege_desk import SiegeDesk
from siege_evidence import Evidence, ViolationError
from siege_exchange import SiegeExchange
from virtual_time import VirtualLoop, within

from db.errors import JournalError
from db.model.order import OrderTerms, OrderType
from db.model.run import Mode, PlanRun, PlanState
from db.model.trading import ResumeCard, TradingState
from services.brokers.port import BrokerUnavailableError
from services.desk.desk import Desk
from services.execution.book import NotPossibleError
from services.intake.refusal import RefusedInputError
from services.planning import Move

SHM = Path("/dev/shm")
REFUSALS = (NotPossibleError, RefusedInputError, BrokerUnavailableError, JournalError)
"""What a trader is told in a sentence. Anything else is a fault of the desk."""
ALARMS = frozenset(
    {
        "unprotected_position",
        "watched_by_desk",
        "left_open",
        "order_unknown",
        "reconciliation_mismatch",
    }
)
"""Conditions that say of a symbol that nothing, or nobody knows what, protects it."""
ALARM_WITHIN = 45.0
"""Seconds from the first bare share to the alarm: the desk looks every second, but it must have heard of
the fill; a read that gets no answer costs it ten, and three in a row may get none."""
PATIENCE = 40.0
"""Seconds that an act may take before the trader does something else."""


class Complaints(logging.Handler):
    """What the desk logs as its own failure."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        told = isinstance(error, BrokerUnavailableError)  # and whoever asked was told
        if error is not None and not told and record.name.startswith("services."):
            self.found.append(f"{record.getMessage()}: {error!r}")


class World:
    """See the module. Everything is done from outside the loop, one thing after another."""

    def __init__(self, seed: int, counts: Counter[str]) -> None:
        self.counts = counts
        self.random = Random(seed)
        self.loop = VirtualLoop()
        asyncio.set_event_loop(self.loop)
        self.root = Path(tempfile.mkdtemp(prefix="qd-siege-", dir=SHM if SHM.is_dir() else None))
        self.complaints = Complaints()
        logging.getLogger().addHandler(self.complaints)
        self.exchange = SiegeExchange(self.loop, self.random)
        self.evidence = Evidence(self.exchange, counts)
        self.exchange.audit.watchers.append(self.evidence)
        self.plans: list[str] = []
        self.armed: list[tuple[str, int]] = []
        self.last_refusal = ""
        self.lives = 0
        self.doom: tuple[str, int] | None = None
        """At which boundary the desk dies, and how many of its kind are left until then."""
        self.outside = False
        """Whether anybody else ever traded."""
        self.struck: set[str] = set()
        """Faults that did, by their names; known once they were counted."""
        self._run(self.exchange.start())
        ledger = self.exchange.exchange.venue.floor.ledger
        self.first_held = {symbol for _, symbol in ledger.positions}
        self.bare_since: dict[str, float] = {}
        self.bare_too_long = ""
        self.sees_since = 0.0
        """Since when a desk lives that can reach the exchange."""
        self.own: SiegeDesk | None = None
        self.exchange.turned = self.watch_protection
        self.start()

    # -- running -------------------------------------------------------------------------------

    def _run(self, coroutine: Any) -> Any:
        return self.loop.run_until_complete(self.loop.create_task(coroutine, context=within(None)))

    def wait(self, seconds: float) -> None:
        self._run(asyncio.sleep(seconds))

    @property
    def alive(self) -> bool:
        return self.own is not None and not self.own.life.dead and self.own.desk is not None

    @property
    def desk(self) -> Desk:
        assert self.own is not None and self.own.desk is not None
        return self.own.desk

    def act(self, name: str, do: Callable[[], Awaitable[Any]], patience: float = PATIENCE) -> Any:
        """The answer; None when it was refused, took too long, or nobody lives to answer."""
        if not self.alive:
            return None
        own = self.own
        assert own is not None
        task = self.loop.create_task(_awaited(do), context=within(own.life))
        over = self.loop.time() + patience

        async def until() -> None:
            while not task.done() and not own.life.dead and self.loop.time() < over:
                await asyncio.wait({task}, timeout=0.25)

        self._run(until())
        if not task.done():
            self.counts[f"act: {name}, unanswered"] += 1
            return None
        try:
            answer = task.result()
        except REFUSALS as error:
            self.counts[f"act: {name}, refused"] += 1
            self.last_refusal = str(error)
            return None
        self.counts[f"act: {name}"] += 1
        return answer

    # -- life and death ------------------------------------------------------------------------

    def start(self) -> bool:
        """A new desk over the same home; False when it can't start now."""
        if self.alive:
            return True
        self.kill()
        own = self.own = SiegeDesk(self.loop, self.exchange, self.root)
        own.boundary = self._boundary
        home = own.home
        self.evidence.latches = (home.latch, home.reducing)
        own.on_leave = self.evidence.on_leave
        task = self.loop.create_task(own.start(), context=within(own.life))

        async def until() -> None:
            over = self.loop.time() + 120
            while not task.done() and not own.life.dead and self.loop.time() < over:
                await asyncio.wait({task}, timeout=0.25)

        self._run(until())
        self.lives += 1
        if own.life.dead:
            self.counts["desk: died while starting"] += 1
            return False
        if not task.done() or task.exception() is not None:
            error = task.exception() if task.done() else None
            if error is not None and not isinstance(error, REFUSALS):
                raise ViolationError(f"the desk can't start: {error!r}") from error
            self.counts["desk: could not start"] += 1
            self.kill()
            return False
        self.counts["desk: started"] += 1
        self.sees_since = self.loop.time()
        return True

    def kill(self) -> None:
        if self.own is not None and not self.own.life.dead:
            self.own.kill()
        self.doom = None

    def _boundary(self, name: str) -> None:
        if self.doom is None or self.doom[0] != name:
            return
        left = self.doom[1] - 1
        self.doom = (name, left)
        if left <= 0 and self.own is not None:
            self.counts[f"fault: kill {name}"] += 1
            self.own.kill()
            self.doom = None

    # -- the trader ----------------------------------------------------------------------------

    def propose(self, lines: list[tuple[str, str, int, str]]) -> str | None:
        """Side, symbol, quantity, limit ("" is a market order). The plan's id."""
        head = "symbol,side,qty,notional,type,limit_price,stop_price,time_in_force,account\n"
        rows = [
            f"{symbol},{side},{qty},,{'limit' if limit else 'market'},{limit},,day,main"
            for side, symbol, qty, limit in lines
        ]
        text = head + "\n".join(rows) + "\n"
        name = f"basket-{self.lives}-{self.counts['act: propose']}.csv"
        made = self.act("propose", lambda: self.desk.intake.propose(name, text.encode(), None))
        return self._kept(None if made is None else made["plan"])

    def ticket(self, side: str, symbol: str, qty: int) -> str | None:
        body = {"symbol": symbol, "side": side, "qty": str(qty)}
        return self._kept(self.act("ticket", lambda: self.desk.intake.ticket(body)))

    def _kept(self, document: dict[str, Any] | None) -> str | None:
        if document is None:
            return None
        self.plans.append(str(document["plan_id"]))
        return self.plans[-1]

    def run_of(self, plan_id: str) -> PlanRun | None:
        return self.desk.engine.book.runs.get(plan_id) if self.alive else None

    def approve(self, plan_id: str, mode: Mode) -> bool:
        card = self.act("card", lambda: self.desk.engine.card(plan_id))
        if card is None or (run := self.run_of(plan_id)) is None:
            return False
        # From the moment that the token is typed: the answer may be lost, the approval is not.
        for step in run.plan.steps:
            key = plan_id, step.n
            self.evidence.approved[key] = max(step.qty, self.evidence.approved.get(key, Decimal(0)))
        done = self.act(
            "approve",
            lambda: self.desk.engine.approve(plan_id, card.token, run.plan.hash, mode, "a trader"),
        )
        return done is not None

    def go(self, plan_id: str, mode: Mode) -> None:
        if self.approve(plan_id, mode):
            self.begin(plan_id, mode)

    def begin(self, plan_id: str, mode: Mode) -> None:
        self.act(f"start {mode.value}", lambda: self.desk.engine.start(plan_id))

    def halt(self) -> None:
        report = self.act("halt", lambda: self.desk.engine.halt("a trader", "siege"))
        if report is not None:
            self.evidence.halted = True
            assert self.own is not None
            if not self.own.home.latch.exists():
                raise ViolationError("invariant 25: a halt was answered, and there is no latch")

    def resume(self) -> None:
        self.evidence.halted = False
        answer = self.act("resume", lambda: self.desk.resume("siege", ""))
        if isinstance(answer, ResumeCard):
            self.act("resume with token", lambda: self.desk.resume("siege", answer.token))
        if self.alive and self.desk.safety.state is TradingState.HALTED:
            self.evidence.halted = True

    def settle(self, action: str) -> None:
        """Signs the first difference that is open."""
        if self.alive and (found := self.desk.reconciler.open):
            key = found[0].key
            self.act(
                f"settle {action}",
                lambda: self.desk.reconciler.settle(key, action, "siege", "a trader"),
            )

    def edit(self, plan_id: str, n: int, how: str) -> None:
        if not self.alive:
            return
        intake = self.desk.intake
        market = OrderTerms(type=OrderType.MARKET)
        edits: dict[str, Callable[[], Awaitable[Any]]] = {
            "drop": lambda: intake.revise(plan_id, drop=(n,)),
            "resize": lambda: intake.revise(plan_id, resize={n: Decimal(4)}),
            "retype": lambda: intake.revise(plan_id, retype={n: market}),
            "move": lambda: intake.revise(plan_id, move=Move(n, 1 + n % 3, after=True)),
            "undo": lambda: intake.undo(plan_id),
        }
        self.act(how, edits[how])

    def each_plan(self, what: str) -> None:
        """One act on every plan that it may make sense for."""
        for plan_id in self.plans:
            run = self.run_of(plan_id)
            if run is not None and run.state.working:
                self.of_plan(what, run)

    def of_plan(self, what: str, run: PlanRun) -> None:
        engine, plan_id = self.desk.engine, run.plan.plan_id
        remedies = engine.remedies
        unknown = run.unknown_orders
        plain: dict[str, Callable[[], Awaitable[Any]]] = {
            "next": lambda: engine.confirm_next(plan_id),
            "pause": lambda: engine.pause(plan_id),
            "continue": lambda: engine.continue_(plan_id),
            "abort": lambda: engine.abort(plan_id, "siege"),
            "reprice": lambda: remedies.reprice(plan_id),
            "resubmit": lambda: remedies.resubmit(plan_id),
            "cancel rest": lambda: remedies.cancel_rest(plan_id),
        }
        of_unknown = {
            "look up": remedies.look_up, "resend": remedies.resend, "give up": remedies.give_up,
        }  # fmt: skip
        if what in plain:
            if what in ("continue", "reprice", "resubmit", "cancel rest"):
                self.evidence.resting.discard(plan_id)
            done = self.act(what, plain[what])
            if done is not None and what in ("pause", "abort"):
                self.evidence.resting.add(plan_id)
        elif what in of_unknown:
            if unknown and what == "resend":
                self.evidence.resting.discard(plan_id)
            for order in unknown:
                name, do = order.client_order_id, of_unknown[what]
                self.act(what, lambda name=name, do=do: do(name))  # type: ignore[misc]
        elif what == "cancel order":
            for order in run.orders[:1]:
                name = order.client_order_id
                self.act(what, lambda name=name: engine.cancel(name))  # type: ignore[misc]
        elif what == "approve again" and run.mode is not None and run.approval is None:
            self.approve(plan_id, run.mode)

    def of_the_desk(self, what: str) -> None:
        match what:
            case "halt":
                self.halt()
            case "resume":
                self.resume()
            case "reduce":
                self.act("reduce", lambda: self.desk.engine.switch.reduce("a trader", "siege"))
            case "reconcile":
                self.act("reconcile", self.desk_reconciles)
            case "flatten":
                self.flatten()

    async def desk_reconciles(self) -> Any:
        return await self.desk.reconciler.reconcile()

    def flatten(self) -> None:
        card = self.act("flatten card", lambda: self.desk.flatten.card())
        if card is None:
            return
        self.evidence.halted = False
        self.evidence.flattening = True
        self.act("flatten", lambda: self.desk.flatten.begin(card.token, "a trader"))

    # -- what is not protected -----------------------------------------------------------------

    def unprotected(self) -> list[str]:
        """Symbols of which only our plans ever bought, and whose shares nothing at the exchange
        protects."""
        ledger = self.exchange.exchange.venue.floor.ledger
        strange = {symbol for _, symbol, _ in self.evidence.traded_outside}
        return [
            symbol
            for (_, symbol), position in ledger.positions.items()
            if symbol not in self.first_held | strange
            and position.qty > self.evidence.open_sells(symbol)
        ]

    def alarmed(self, symbol: str) -> bool:
        return any(
            alert.condition in ALARMS and symbol in alert.sentence
            for alert in self.desk.snapshot().alerts.values()
        )

    def watch_protection(self) -> None:
        """Bare for a while, with a desk that lives and could have said so, is bare too long. Looked at
        whenever the market has moved: what is bare between two acts only is seen, too."""
        now, bare = self.loop.time(), self.unprotected() if self.alive else []
        self.bare_since = {symbol: self.bare_since.get(symbol, now) for symbol in bare}
        for symbol, since in self.bare_since.items():
            if now - max(since, self.sees_since) > ALARM_WITHIN and not self.alarmed(symbol):
                self.bare_too_long = (
                    f"{symbol} is unprotected since {since:.1f} s, now {now:.1f}, and no alarm"
                )

    # -- everybody else ------------------------------------------------------------------------

    def strike(
        self, told: str, name: str, when: dict[str, Any], parameters: dict[str, Any]
    ) -> None:
        """A fault of the exchange's own table."""
        self.armed.append((told, self.exchange.inject(name, when, **parameters)))
        self.exchange.exchange.director.turn()

    def network_away(self, seconds: float) -> None:
        self.counts["fault: network away"] += 1
        self.exchange.down = True
        for socket in self.exchange.sockets:
            socket.cut()
        self.exchange.sockets.clear()
        self.wait(seconds)
        self.exchange.down = False
        self.sees_since = self.loop.time()

    def jump(self, symbol: str, percent: int) -> None:
        self.strike("price jump", "jump", {}, {"symbol": symbol, "percent": percent})
        self.evidence.jumped_at = self.loop.time()

    def trade_outside(self, symbol: str, side: str, qty: int) -> None:
        """Nobody sells short, and nobody spends what is not there."""
        held = self.evidence.held(symbol) - self.evidence.open_sells(symbol)
        board = self.exchange.exchange.market.boards[symbol]
        cost = qty * board.quote.ask if side == "buy" else Decimal(0)
        if (side == "sell" and held < qty) or (cost and self.exchange.account.cash < cost * 2):
            return
        self.outside = True
        self.evidence.traded_outside.append((self.loop.time(), symbol, cost))
        self.strike(
            "outside trade", "outside_trade", {}, {"symbol": symbol, "side": side, "qty": qty}
        )

    def count_strikes(self) -> None:
        """Which of the armed faults ever struck."""
        rows = {row["number"]: row for row in self.exchange.exchange.director.listing()}
        for told, number in self.armed:
            if number not in rows or not rows[number]["struck"]:
                self.counts["armed, never struck"] += 1
                continue
            what, _, of = told.partition(" / ")
            self.struck.add(what)
            self.counts[f"fault: {what}"] += 1
            if of:
                self.counts[f"fault on requests for {of}"] += 1
        self.armed.clear()

    # -- the end -------------------------------------------------------------------------------

    def check(self) -> None:
        self.evidence.check()
        if self.complaints.found:
            raise ViolationError(f"the desk failed inside: {self.complaints.found}")
        if self.evidence.halted and self.alive:
            if self.desk.safety.state is not TradingState.HALTED:
                raise ViolationError("invariant 25: halted, and the desk says that it is not")
            self.evidence.judged("25 a halt stays")
        self.watch_protection()
        if self.bare_too_long:
            raise ViolationError(self.bare_too_long)
        self.evidence.judged("protected or alarmed")

    def close(self) -> None:
        self.kill()
        self._run(asyncio.sleep(1))
        self.exchange.close()
        self.loop.finish()
        gc.unfreeze()  # a desk's start keeps what it read for ever: here there are many desks
        logging.getLogger().removeHandler(self.complaints)
        shutil.rmtree(self.root, ignore_errors=True)


async def _awaited(do: Callable[[], Awaitable[Any]]) -> Any:
    return await do()


ENDED = (PlanState.DONE, PlanState.DONE_WITH_EXCEPTIONS, PlanState.ABORTED, PlanState.EXPIRED)
