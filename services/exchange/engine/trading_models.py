"""How orders fill and what trading costs, as one choice: `MODELS` is the table."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from services.exchange.engine.booking import Costs, no_costs
from services.exchange.engine.day_end import Overnight, nothing_owed
from services.exchange.engine.fees import FeeSchedule, fees_of_fill
from services.exchange.engine.fill_model import FillModel, PartialFills, TouchFills
from services.exchange.engine.interest import Rates, owed_overnight
from services.exchange.engine.orders import Order
from services.exchange.engine.realistic import RealisticFills
from services.exchange.engine.routing import FillDelay


@dataclass(frozen=True)
class TradingModel:
    """`delay` is in seconds between acknowledgement and matching; with `pauses` the market stops
    a symbol that stays at its limit-up or limit-down band."""

    fills: FillModel
    delay: FillDelay
    costs: Costs
    overnight: Overnight
    pauses: bool

    def in_parts(self, seed: int) -> "TradingModel":
        """The same, one fill in ten cut to a part."""
        fills = PartialFills(self.fills, seed)
        return TradingModel(fills, self.delay, self.costs, self.overnight, self.pauses)


def paper(seed: int, delay: float) -> TradingModel:
    """Alpaca's paper account: at the touch, whatever the size, for nothing (alpaca.md §8.11)."""
    return TradingModel(TouchFills(), lambda order: delay, no_costs, nothing_owed, pauses=False)


def realistic(seed: int, delay: float) -> TradingModel:
    """Size, slippage, latency, fees, interest, pauses: what an order costs where money is real."""
    fills = RealisticFills(seed)

    def latency(order: Order) -> float:
        return delay + fills.delay(order)

    return TradingModel(
        fills,
        latency,
        partial(fees_of_fill, FeeSchedule()),
        partial(owed_overnight, Rates()),
        pauses=True,
    )


MODELS: Mapping[str, Callable[[int, float], TradingModel]] = {
    "paper": paper,
    "realistic": realistic,
}
