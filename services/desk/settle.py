"""What the trader signs of one difference, as events with who and why (spec 6, Reconciliation)."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from db.model.base import plain
from db.model.event import EventDraft
from db.model.order import BrokerOrder, OrderState
from db.model.portfolio import Portfolio
from db.model.reconciliation import ACTIONS, Action, Mismatch, MismatchKind
from services.brokers.port import Broker, CancelOutcome
from services.desk.looking import booking
from services.execution.book import NotPossibleError
from services.execution.drafts import of_order
from services.execution.engine import Engine
from services.reconciliation.compare import Theirs, adoption
from services.reconciliation.expected import Books, cash_of


@dataclass(frozen=True)
class Signature:
    by: str
    why: str

    def __post_init__(self) -> None:
        if not self.why.strip():
            raise NotPossibleError("Settling a difference needs a reason.")

    @property
    def payload(self) -> dict[str, str]:
        return {"by": self.by, "reason": self.why.strip()}


class Settling:
    """One signature at a time, on the figures that were shown: what has moved since is refused."""

    def __init__(self, engine: Engine, broker: Broker, books: Callable[[], Books]) -> None:
        self._engine = engine
        self._broker = broker
        self._books = books

    def action(self, found: Mismatch, name: str) -> Action:
        """Raises NotPossibleError for what can't be signed of this kind."""
        allowed = ACTIONS[found.kind]
        for action in allowed:
            if action == name:
                return action
        choices = ", ".join(allowed)
        raise NotPossibleError(f"Of {found.key} may be signed: {choices}; not {name!r}.")

    async def sign(
        self, found: Mismatch, action: Action, signature: Signature, theirs: Theirs
    ) -> None:
        """`theirs`: a look after the trader decided. Raises NotPossibleError."""
        match action:
            case Action.IGNORE:
                await self._note("MismatchIgnored", found, signature)
            case Action.INVESTIGATE:
                await self._note("MismatchInvestigated", found, signature)
            case Action.CANCEL:
                await self._cancel(found, signature, theirs.portfolio)
            case Action.ADOPT:
                await self._adopt(found, signature, theirs.portfolio)

    async def _note(self, kind: str, found: Mismatch, signature: Signature) -> None:
        payload = {"key": found.key, "standing": found.standing, **signature.payload}
        await self._engine.book.record(
            EventDraft(
                kind=kind, account=found.account, symbol=found.symbol or None, payload=payload
            )
        )

    async def _adopt(self, found: Mismatch, signature: Signature, portfolio: Portfolio) -> None:
        """The broker wins: its figure becomes ours."""
        match found.kind:
            case MismatchKind.EXTERNAL_ORDER:
                await self._adopt_order(found, signature, portfolio)
            case MismatchKind.LOST_ORDER:
                await self._adopt_end(found, signature)
            case MismatchKind.CASH:
                await self._adopt_cash(found, signature, portfolio)
            case _:
                await self._adopt_position(found, signature, portfolio)

    async def _adopt_position(
        self, found: Mismatch, signature: Signature, portfolio: Portfolio
    ) -> None:
        """The executions that explain it are booked as ours, then the broker's figure counts."""
        held = portfolio.position(found.symbol, found.account)
        outside = [
            fill
            for fill in self._books().outside.values()
            if (fill.account, fill.symbol) == (found.account, found.symbol)
        ]
        if found.kind is MismatchKind.GHOST_FILL:
            now = sum((fill.qty for fill in outside), Decimal(0))
        elif found.kind is MismatchKind.AVERAGE_PRICE:
            now = held.avg_entry_price if held is not None else Decimal(0)
        else:
            now = held.qty if held is not None else Decimal(0)
        _same(found, now)
        outside.sort(key=lambda fill: (fill.at, fill.execution_id))
        signed = signature.payload
        booked = [booking(fill, "FillReceived", "", **signed) for fill in outside]
        adopted = adoption(
            found.account,
            found.symbol,
            held,
            key=found.key,
            executions=[fill.execution_id for fill in outside],
            **signed,
        )
        await self._engine.book.record(*booked, adopted)

    async def _adopt_cash(
        self, found: Mismatch, signature: Signature, portfolio: Portfolio
    ) -> None:
        account = portfolio.account(found.account)
        _same(found, account.cash)
        outside = (f for f in self._books().outside.values() if f.account == account.name)
        unsigned = sum(map(cash_of, outside), Decimal(0))
        payload = {"cash": plain(account.cash - unsigned), "key": found.key, **signature.payload}
        await self._engine.book.record(
            EventDraft(kind="CashAdopted", account=account.name, payload=payload)
        )

    async def _adopt_order(
        self, found: Mismatch, signature: Signature, portfolio: Portfolio
    ) -> None:
        """Known from here on: watched, and its fills booked as they come. Never touched by us but
        by a halt."""
        order = _listed(found, portfolio)
        if self._engine.book.known(order) is not None:
            raise NotPossibleError(
                f"{found.subject} is an order of ours that our book has closed: cancel it at the "
                "broker, or ignore it with a reason."
            )
        payload = {"order_id": order.order_id, "key": found.key, **signature.payload}
        await self._engine.book.record(_of_external(order, "ExternalOrderAdopted", payload))

    async def _adopt_end(self, found: Mismatch, signature: Signature) -> None:
        """The broker neither lists nor knows it: by its word and the trader's, it is over."""
        order = self._engine.book.order(found.subject)
        if order is None or order.state.terminal:
            raise NotPossibleError(f"{found.subject} is settled meanwhile.")
        if (report := await self._engine.sender.look(order)) is not None:
            await self._engine.sender.absorb(report)
            raise NotPossibleError(
                f"The broker knows {found.subject} again ({report.status}): nothing was adopted."
            )
        async with self._engine.book.lock(order.client_order_id):
            payload = {
                "state": OrderState.CANCELED.value,
                "status": "not at the broker",
                "order_id": order.order_id,
                "message": f"the broker does not know it; {signature.why.strip()}",
                **signature.payload,
            }
            await self._engine.book.record(of_order(order, "OrderUpdated", payload))

    async def _cancel(self, found: Mismatch, signature: Signature, portfolio: Portfolio) -> None:
        order = _listed(found, portfolio)
        payload = {"order_id": order.order_id, "key": found.key, **signature.payload}
        await self._engine.book.record(_of_external(order, "ExternalCancelRequested", payload))
        outcome = await self._broker.cancel(order.order_id)
        if outcome in (CancelOutcome.UNRESOLVED, CancelOutcome.NOT_FOUND):
            raise NotPossibleError(
                f"Whether {found.subject} will be cancelled is not known ({outcome.value}): "
                "reconcile again."
            )


def _same(found: Mismatch, now: Decimal) -> None:
    """What is signed is what was shown."""
    if now != found.broker:
        raise NotPossibleError(
            f"The broker's figure is {plain(now)} now: look at the difference again, then sign."
        )


def _listed(found: Mismatch, portfolio: Portfolio) -> BrokerOrder:
    for order in portfolio.orders:
        if found.subject in (order.client_order_id, order.order_id):
            return order
    raise NotPossibleError(f"{found.subject} is not open at the broker any more.")


def _of_external(order: BrokerOrder, kind: str, payload: dict[str, str]) -> EventDraft:
    return EventDraft(
        kind=kind,
        client_order_id=order.client_order_id,
        account=order.account,
        symbol=order.symbol,
        payload=payload,
    )
