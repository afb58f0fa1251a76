"""The collateral of written option contracts. Pure."""

from collections.abc import Iterable, Mapping
from decimal import Decimal

from services.exchange.engine.orders import CONTRACT_SIZE, ZERO
from services.exchange.market.options import Contract


def collateral(contracts: Mapping[str, Decimal], shares: Mapping[str, Decimal]) -> Decimal:
    """Dollars that what is written ties up: `contracts` and `shares` are signed quantities.

    A written call is free behind 100 shares; else a held contract of the same right that lives
    as long limits the loss to the distance of the strikes; else the whole strike is secured.
    """
    held = {s: qty for s, qty in contracts.items() if qty > 0}
    free = {symbol: max(qty, ZERO) for symbol, qty in shares.items()}
    total = ZERO
    for symbol in sorted(s for s, qty in contracts.items() if qty < 0):
        written, qty = Contract.parsed(symbol), -contracts[symbol]
        if written.is_call:
            covered = min(qty, free.get(written.underlying, ZERO) // CONTRACT_SIZE)
            free[written.underlying] = free.get(written.underlying, ZERO) - covered * CONTRACT_SIZE
            qty -= covered
        for limit in _limits(written, held):
            paired = min(qty, held[limit.symbol])
            held[limit.symbol] -= paired
            total += paired * _worst(written, limit)
            qty -= paired
        total += qty * written.strike * CONTRACT_SIZE
    return total


def uncovered_calls(contracts: Mapping[str, Decimal], shares: Mapping[str, Decimal]) -> Decimal:
    """Written calls with neither shares nor a held call behind them."""
    short = ZERO
    for underlying in {Contract.parsed(symbol).underlying for symbol in contracts}:
        calls = [
            qty
            for symbol, qty in contracts.items()
            if (c := Contract.parsed(symbol)).underlying == underlying and c.is_call
        ]
        lots = max(shares.get(underlying, ZERO), ZERO) // CONTRACT_SIZE
        short += max(-sum(calls, ZERO) - lots, ZERO)
    return short


def _limits(written: Contract, held: Iterable[str]) -> list[Contract]:
    """Held contracts that limit the loss of a written one, the best first."""
    found = [
        contract
        for contract in map(Contract.parsed, held)
        if (contract.underlying, contract.right) == (written.underlying, written.right)
        and contract.expires >= written.expires
    ]
    return sorted(found, key=lambda contract: (_worst(written, contract), contract.symbol))


def _worst(written: Contract, limit: Contract) -> Decimal:
    further = limit.strike - written.strike
    return max(further if written.is_call else -further, ZERO) * CONTRACT_SIZE
