"""Contracts as boards: quotes and trades that follow the underlying's, made when asked for."""

from collections.abc import Collection, Mapping
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal

from services.exchange.book import Listing
from services.exchange.market.board import Board
from services.exchange.market.draws import between, words
from services.exchange.market.options import Contract, contracts_of, value
from services.exchange.market.quotes import CENT, Bar, Quote, Trade

MOST_WATCHED = 2_000  # contracts whose quotes are told of; the longest unasked goes first
SPREAD = Decimal("0.02")  # of the price, on each side, at least a cent
DAILY_VOLUME = 5_000  # contracts


class OptionBoards:
    """The contracts on the options-bearing boards. What was found once is watched."""

    def __init__(self, underlyings: Mapping[str, Board]) -> None:
        self._underlyings = underlyings
        self._watched: dict[str, tuple[Contract, Board]] = {}

    def find(self, symbol_or_id: str) -> Board | None:
        """By OCC symbol, or by the id of a contract that was found before; None for what is
        not listed now. What has expired stays found as long as it is watched."""
        known = self._watched.pop(symbol_or_id.upper(), None)
        if known is None:
            known = self._made(symbol_or_id.upper())
            if known is None:
                ids = (board for _, board in self._watched.values())
                return next((board for board in ids if board.asset_id == symbol_or_id), None)
            if len(self._watched) >= MOST_WATCHED:
                del self._watched[next(iter(self._watched))]
        contract, board = known
        self._watched[contract.symbol] = known
        refresh(board, contract, self._underlyings[contract.underlying])
        return board

    def quotes(self, underlyings: Collection[str]) -> list[Quote]:
        """What the quotes of these underlyings make of the watched contracts'."""
        found = []
        for contract, board in self._watched.values():
            if contract.underlying in underlyings:
                refresh(board, contract, self._underlyings[contract.underlying])
                if board.quote is not None:
                    found.append(board.quote)
        return found

    def _made(self, occ: str) -> tuple[Contract, Board] | None:
        try:
            contract = Contract.parsed(occ)
        except ValueError:
            return None
        underlying = self._underlyings.get(contract.underlying)
        if underlying is None or underlying.quote is None:
            return None
        if contract not in contracts_of(underlying.listing, underlying.quote.at):
            return None
        return contract, board_of(contract, underlying)


def board_of(contract: Contract, underlying: Board) -> Board:
    close = priced(contract, underlying.previous_close, _time(underlying))
    listing = Listing.model_construct(
        symbol=contract.symbol,
        price=close,
        name=contract.name,
        sector=underlying.listing.sector,
        adv=DAILY_VOLUME,
        spread_bps=SPREAD * 20_000,
        marginable=False,
        shortable=True,
        fractionable=False,
    )
    return Board(listing, contract.id, close)


def refresh(board: Board, contract: Contract, underlying: Board) -> None:
    """Bring a contract's board to where its underlying stands."""
    board.halted = underlying.halted
    quote, trade = underlying.quote, underlying.trade
    if quote is not None and (board.quote is None or board.quote.at != quote.at):
        board.quote = quoted(contract, quote)
    if trade is not None and (board.trade is None or board.trade.at != trade.at):
        board.trade = print_of(contract, trade)


def print_of(contract: Contract, underlying: Trade) -> Trade:
    """What a print of the underlying makes print of the contract, at least a cent."""
    price = max(priced(contract, underlying.price, underlying.at), CENT)
    size = between(words(contract.symbol, underlying.id)[0], 1, 10)
    return Trade(contract.symbol, underlying.id, price, size, underlying.at, price, price, price)


def quoted(contract: Contract, underlying: Quote) -> Quote:
    """Around the model's price of the underlying's mid; bid 0 where it is worth next to nothing."""
    mid = priced(contract, mid_of(underlying), underlying.at)
    half = max((mid * SPREAD).quantize(CENT, ROUND_HALF_UP), CENT)
    drawn = words(contract.symbol, underlying.at)
    bid = max(mid - half, Decimal(0))
    sizes = between(drawn[0], 5, 60) if bid else 0, between(drawn[1], 5, 60)
    return Quote(contract.symbol, bid, sizes[0], mid + half, sizes[1], underlying.at)


def priced(contract: Contract, spot: Decimal, at: datetime) -> Decimal:
    return Decimal(value(contract, float(spot), at).price).quantize(CENT, ROUND_HALF_UP)


def mid_of(quote: Quote) -> Decimal:
    """Between bid and ask, or the side there is."""
    if quote.bid and quote.ask:
        return (quote.bid + quote.ask) / 2
    return quote.bid or quote.ask or CENT


def bar_of(contract: Contract, underlying: Bar) -> Bar:
    """The bar an underlying's bar makes: a put is dearest where the underlying is cheapest."""
    prices = [
        priced(contract, price, underlying.at)
        for price in (underlying.open, underlying.high, underlying.low, underlying.close)
    ]
    drawn = words(contract.symbol, underlying.at)
    trades = between(drawn[0], 1, 12)
    volume = trades + between(drawn[1], 0, 40)
    mean = (sum(prices, Decimal(0)) / 4).quantize(CENT)
    return Bar(
        contract.symbol,
        underlying.at,
        prices[0],
        max(prices),
        min(prices),
        prices[3],
        volume,
        trades,
        mean * volume,
    )


def _time(underlying: Board) -> datetime:
    if underlying.quote is None:
        raise ValueError(f"{underlying.listing.symbol} has no quote yet")
    return underlying.quote.at
