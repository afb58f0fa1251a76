"""Option contracts: what an OCC symbol says, and the collateral of what is written. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from services.exchange.engine.orders import CONTRACT_SIZE, ZERO

STRIKE_STEP = Decimal("0.001")
DATE, RIGHT, STRIKE = slice(-15, -9), -9, slice(-8, None)


@dataclass(frozen=True)
class Contract:
    """`right` is "C" or "P"."""

    symbol: str
    underlying: str
    expires: date
    right: str
    strike: Decimal

    @classmethod
    def of(cls, symbol: str) -> "Contract":
        """Of an OCC symbol; ValueError for a date there is not."""
        expires = date.fromisoformat(f"20{symbol[DATE]}")
        strike = Decimal(symbol[STRIKE]) * STRIKE_STEP
        return cls(symbol, symbol[: DATE.start], expires, symbol[RIGHT], strike)

    @property
    def secured(self) -> Decimal:
        """Dollars that secure one written: the strike for each of its shares."""
        return self.strike * CONTRACT_SIZE


def collateral(contracts: Mapping[str, Decimal], shares: Mapping[str, Decimal]) -> Decimal:
    """Dollars that what is written ties up: `contracts` and `shares` are signed quantities.

    A written call is free behind 100 shares; else a held contract of the same right that lives
    as long limits the loss to the distance of the strikes; else the whole strike is secured.
    """
    held = {s: qty for s, qty in contracts.items() if qty > 0}
    free = {symbol: max(qty, ZERO) for symbol, qty in shares.items()}
    total = ZERO
    for symbol in sorted(s for s, qty in contracts.items() if qty < 0):
        written, qty = Contract.of(symbol), -contracts[symbol]
        if written.right == "C":
            covered = min(qty, free.get(written.underlying, ZERO) // CONTRACT_SIZE)
            free[written.underlying] = free.get(written.underlying, ZERO) - covered * CONTRACT_SIZE
            qty -= covered
        for limit in _limits(written, held):
            paired = min(qty, held[limit.symbol])
            held[limit.symbol] -= paired
            total += paired * _worst(written, limit)
            qty -= paired
        total += qty * written.secured
    return total


def uncovered_calls(contracts: Mapping[str, Decimal], shares: Mapping[str, Decimal]) -> Decimal:
    """Written calls with neither shares nor a held call behind them."""
    short = ZERO
    for underlying in {Contract.of(symbol).underlying for symbol in contracts}:
        calls = [
            qty
            for symbol, qty in contracts.items()
            if (c := Contract.of(symbol)).underlying == underlying and c.right == "C"
        ]
        lots = max(shares.get(underlying, ZERO), ZERO) // CONTRACT_SIZE
        short += max(-sum(calls, ZERO) - lots, ZERO)
    return short


def _limits(written: Contract, held: Iterable[str]) -> list[Contract]:
    """Held contracts that limit the loss of a written one, the best first."""
    found = [
        contract
        for contract in map(Contract.of, held)
        if (contract.underlying, contract.right) == (written.underlying, written.right)
        and contract.expires >= written.expires
    ]
    return sorted(found, key=lambda contract: (_worst(written, contract), contract.symbol))


def _worst(written: Contract, limit: Contract) -> Decimal:
    further = limit.strike - written.strike
    return max(further if written.right == "C" else -further, ZERO) * CONTRACT_SIZE
