"""An intake, before any trade exists (spec 2)."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from db.model.base import Exact, Noun, Positive, Utc
from db.model.idea import Idea
from db.model.order import OrderType, Side, TimeInForce


class Action(StrEnum):
    SELL = "SELL"
    BUY = "BUY"
    HOLD = "HOLD"


class Directive(Noun):
    """One line of an ACTION PLAN: move a sector to a target weight (fractions)."""

    sector: str
    stated_weight: Exact | None
    target_weight: Exact
    action: Action
    line: int
    """1-based line in the source file."""


class DirectiveProposal(Noun):
    """A rebalancing directive (spec 2.A)."""

    kind: Literal["directive"] = "directive"
    source: str
    sha256: str
    generated_at: Utc | None = None
    stated_value: Exact | None = None
    stated_cash_weight: Exact | None = None
    directives: tuple[Directive, ...]
    target_cash_weight: Exact | None = None


class BasketLine(Noun):
    """One order as it was asked for: `qty` or `notional`, never both (spec 2.F)."""

    line: int
    symbol: str
    side: Side
    qty: Positive | None = None
    notional: Positive | None = None
    type: OrderType = OrderType.MARKET
    limit_price: Positive | None = None
    stop_price: Positive | None = None
    time_in_force: TimeInForce = TimeInForce.DAY
    extended_hours: bool = False
    account: str | None = None
    urgent: bool = False
    """To be out in a hurry: type and limit are the guidance's. No file says so, the desk does."""


class BasketProposal(Noun):
    """Orders taken as given, still checked and sequenced. A hand-typed ticket is a basket of one."""

    kind: Literal["basket", "ticket"] = "basket"
    source: str
    sha256: str
    lines: tuple[BasketLine, ...]


class WeightsProposal(Noun):
    """Target weights (spec 2.E): symbol → fraction of equity."""

    kind: Literal["weights"] = "weights"
    source: str
    sha256: str
    weights: dict[str, Exact]
    """Without cash; none negative."""
    cash_weight: Exact | None = None
    """Asked for; None: what the weights leave."""
    unlisted: Literal["keep", "sell"] = "keep"
    """What becomes of symbols held and not named."""
    account: str | None = None
    """That buys; None: the one with most cash."""


class IdeasProposal(Noun):
    """Single stocks: an approved QA report, a recommendation, signals (spec 2, B-D)."""

    kind: Literal["qa_report", "recommendation", "signal"]
    source: str
    sha256: str
    ideas: tuple[Idea, ...]


class DeployProposal(Noun):
    """Idle cash into the analysis's candidates, up to the policy's deployment target (spec 4)."""

    kind: Literal["deploy"] = "deploy"
    source: str
    sha256: str
    account: str | None = None


Proposal = Annotated[
    DirectiveProposal | BasketProposal | WeightsProposal | IdeasProposal | DeployProposal,
    Field(discriminator="kind"),
]
