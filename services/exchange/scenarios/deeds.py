"""What a scenario does to market, accounts, clock and open sockets, once, and how it is undone."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from services.exchange import sessions
from services.exchange.clock import Clock, Movable
from services.exchange.engine.errors import RefusedError
from services.exchange.engine.orders import Side
from services.exchange.engine.venue import Venue
from services.exchange.market.boards import Market
from services.exchange.scenarios.director import Undo
from services.exchange.scenarios.faults import (
    Bust,
    CloseSession,
    CloseStream,
    Correct,
    Dividend,
    Fault,
    Forward,
    HalfDead,
    Halt,
    Jump,
    MuteStream,
    OfMarket,
    OfStream,
    OutsideTrade,
    Restrict,
    Resume,
    SlowClient,
    Split,
)
from services.exchange.scenarios.past import Past
from services.exchange.scenarios.reading import ScenarioError, Step
from services.exchange.scenarios.stream_tap import STREAMS, Outages, stream_of
from services.exchange.scenarios.triggers import Occasion
from services.exchange.streams.connection import Connections

PERCENT = Decimal(100)
INTERNAL_ERROR = 1011
RESTRICTIONS: dict[str, dict[str, bool]] = {
    "blocked": {"account_blocked": True, "trading_blocked": True},
    "liquidation_only": {"liquidation_only": True},
}


@dataclass(frozen=True)
class Deeds:
    """The exchange as a scenario may touch it."""

    venue: Venue
    market: Market
    clock: Clock
    connections: Connections
    past: Past
    outages: Outages

    def check(self, step: Step) -> None:
        """Raises ScenarioError for a symbol, an account or a clock that is not here."""
        for named in step:
            symbol, account = getattr(named, "symbol", None), getattr(named, "account", None)
            if symbol is not None and self.market.find(symbol) is None:
                raise ScenarioError(f"There is no symbol {symbol} on this exchange.")
            if account is not None and account not in self.venue.floor.ledger.accounts:
                raise ScenarioError(f"There is no account {account} on this exchange.")
        if isinstance(step.fault, OfMarket) and step.fault.symbol not in {
            None,
            *self.market.boards,
        }:
            raise ScenarioError(f"{step.fault.symbol} moves with its underlying only.")
        movable = isinstance(self.clock, Movable)
        if isinstance(step.fault, Forward | CloseSession) and not movable:
            raise ScenarioError("The true clock cannot be set forward.")

    def remember(self, now: datetime) -> None:
        self.past.note(now, self.venue.floor.ledger.positions)

    def do(self, fault: Fault, occasion: Occasion, until: datetime | None) -> Undo | None:
        """Raises ScenarioError when the exchange refuses it, as it would an order."""
        try:
            return self._done(fault, occasion, until)
        except RefusedError as refused:
            raise ScenarioError(str(refused.body["message"])) from refused

    def _done(self, fault: Fault, occasion: Occasion, until: datetime | None) -> Undo | None:
        match fault:
            case Halt() | Resume() | Jump() | Correct() | Bust() | Split() | Dividend():
                with self._noted_once():
                    return self._on_market(fault, self._symbols(fault.symbol, occasion), until)
            case Restrict():
                return self._restrict(fault, self._account(fault.account, occasion))
            case OutsideTrade():
                self._trade_elsewhere(fault, self._account(fault.account, occasion))
            case CloseStream() | HalfDead() | MuteStream() | SlowClient():
                self._on_streams(fault, occasion)
            case CloseSession():
                self._forward(sessions.current_or_next(self.clock.now()).closes)
            case Forward():
                self._forward(self.clock.now() + timedelta(seconds=float(fault.seconds)))
        return None

    # -- market -------------------------------------------------------------------------------

    def _symbols(self, symbol: str | None, occasion: Occasion) -> list[str]:
        meant = symbol or occasion.symbol
        return [meant] if meant in self.market.boards else list(self.market.boards)

    @contextmanager
    def _noted_once(self) -> Iterator[None]:
        """The market is written down after each change; a whole market's change is one."""
        note, self.market.on_change = self.market.on_change, lambda: None
        try:
            yield
        finally:
            self.market.on_change = note
            note()

    def _on_market(self, fault: Fault, symbols: list[str], until: datetime | None) -> Undo | None:
        for symbol in symbols:
            match fault:
                case Halt():
                    self.market.halt(symbol, fault.reason, until)
                case Resume():
                    self.market.resume(symbol)
                case Jump():
                    self.market.jump(symbol, 1 + fault.percent / PERCENT)
                case Correct():
                    self.market.correct(symbol, 1 + fault.percent / PERCENT)
                case Bust():
                    self.market.bust(symbol)
                case Split():
                    self.venue.split(symbol, fault.new, fault.old)
                case Dividend():
                    self.venue.dividend(symbol, fault.per_share)
        match fault:
            case Halt():
                return lambda: self._again(Resume(), symbols)
            case Jump():
                back = 1 / (1 + fault.percent / PERCENT) - 1
                return lambda: self._again(Jump(percent=back * PERCENT), symbols)
        return None

    def _again(self, fault: Fault, symbols: list[str]) -> None:
        with self._noted_once():
            self._on_market(fault, symbols, None)

    # -- accounts -----------------------------------------------------------------------------

    def _account(self, account: str | None, occasion: Occasion) -> str:
        return account or occasion.account or next(iter(self.venue.floor.ledger.accounts))

    def _restrict(self, fault: Restrict, account: str) -> Undo:
        before = self.venue.floor.ledger.accounts[account]
        if fault.to in RESTRICTIONS:
            changes: dict[str, Any] = dict(RESTRICTIONS[fault.to])
        else:
            wish: dict[str, Any] = {fault.to: True}
            changes = {"configuration": before.configuration.model_copy(update=wish)}
        self.venue.change_account(account, **changes)
        back = {name: getattr(before, name) for name in changes}
        return lambda: self.venue.change_account(account, **back)

    def _trade_elsewhere(self, fault: OutsideTrade, account: str) -> None:
        held = self.venue.floor.positions(account)
        symbol = fault.symbol or (held[0].symbol if held else next(iter(self.market.boards)))
        self.venue.outside_trade(account, symbol, Side(fault.side), fault.qty)

    # -- sockets ------------------------------------------------------------------------------

    def _on_streams(self, fault: OfStream, occasion: Occasion) -> None:
        stream = fault.stream or occasion.stream or None
        account = fault.account or (occasion.account if occasion.stream else "") or None
        meant = [
            connection
            for connection in self.connections
            if stream in (None, stream_of(connection.stream))
            and account in (None, connection.account)
        ]
        match fault:
            case MuteStream():
                self.outages.silence(meant)
            case HalfDead():
                for kind in (stream,) if stream else STREAMS:
                    self.outages.linger(kind, account, float(fault.seconds))
        for connection in meant:
            match fault:
                case CloseStream():
                    connection.close(fault.code)
                case SlowClient():
                    connection.dismiss()
                case HalfDead():
                    connection.close(INTERNAL_ERROR)

    # -- time ---------------------------------------------------------------------------------

    def _forward(self, to: datetime) -> None:
        if isinstance(self.clock, Movable):
            self.clock.forward(to)
