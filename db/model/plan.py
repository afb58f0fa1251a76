"""An ordered list of steps in phases, with its policy, dry run and verdict."""

import hashlib
from decimal import Decimal
from enum import StrEnum
from typing import Literal

from db.model.base import Exact, Noun, Positive, Utc, canonical_json
from db.model.order import OrderType, Side, TimeInForce
from db.model.slicing import Algorithm
from db.model.tax import TaxNotice

_CENT = Decimal("0.01")
_SUBPENNY = Decimal("0.0001")
"""The tick under a dollar (alpaca.md §8.3)."""


class Phase(StrEnum):
    SELL = "sell"
    BUY = "buy"


class Severity(StrEnum):
    PASS = "pass"
    WARN = "warn"
    BLOCK = "block"


class Verdict(StrEnum):
    SAFE = "SAFE"
    CONDITIONAL = "CONDITIONAL"
    BLOCKED = "BLOCKED"


class StopCondition(StrEnum):
    """When a stop counts as hit."""

    TOUCH = "touch"
    """At the first trade at or through it: the broker holds the stop."""
    ON_CLOSE = "on_close"
    """By the official close only: the desk looks at it, and proposes the exit."""


class Finding(Noun):
    """The result of one check: what was looked at, the numbers used, and a sentence."""

    check: str
    severity: Severity
    subject: str
    """A symbol, a sector, an account, or `plan`."""
    message: str
    values: dict[str, str] = {}
    step: int | None = None


class Skipped(Noun):
    symbol: str
    reason: str


class Step(Noun):
    """One parent order of a plan. Money in dollars, quantities in shares."""

    n: int
    phase: Phase
    account: str
    symbol: str
    side: Side
    qty: Positive
    type: OrderType
    limit_price: Exact | None = None
    stop_price: Exact | None = None
    time_in_force: TimeInForce = TimeInForce.DAY
    extended_hours: bool = False
    """Asked for: it may be worked before and after the regular session."""
    reference_price: Exact
    """The mid the plan was made at: drift is measured from it."""
    expected_price: Exact
    """Estimated fill: sells at bid less slippage, buys at their limit or worst expected price."""
    expected_low: Exact | None = None
    expected_high: Exact | None = None
    """Between these the fill is expected in an ordinary market."""
    expected_seconds: int | None = None
    """From sending to the last fill."""
    urgency: Literal["low", "normal", "high"] = "normal"
    expected_value: Exact
    """qty × expected_price: proceeds of a sell, worst cost of a buy."""
    expected_cash_after: Exact
    """Running cash of the account when this step is done."""
    sector: str
    conviction: Exact | None = None
    underlying: str | None = None
    """What was suggested, where another symbol is traded for it: the stock that a fund follows."""
    stop_loss_price: Exact | None = None
    stop_condition: StopCondition = StopCondition.TOUCH
    protection: Literal["broker", "desk"] = "desk"
    """Who holds stop and target: orders at the broker, or alerts of the desk."""
    target_price: Exact | None = None
    reason: str
    """Why it is done at all."""
    guidance: str = ""
    """Why it is sent as it is; nothing where the proposal asked for it so."""
    needs: tuple[int, ...] = ()
    """Steps that must be done before."""
    funded_by: tuple[int, ...] = ()
    """The sells that pay for this buy; empty when cash at hand does."""
    algorithm: Algorithm | None = None
    """Sent in pieces over time; None: as one order."""
    acts: tuple[str, ...] = ()
    """What is done one after the other where it is more than the order: protection that is cancelled
    before, and put in place behind it."""

    @property
    def why(self) -> str:
        """Both reasons, as the trader reads them."""
        return f"{self.reason} {self.guidance}." if self.guidance else self.reason

    @property
    def terms(self) -> str:
        """Type, prices and time in force: `limit $79.50, day`."""
        prices = (("stop", self.stop_price), ("limit", self.limit_price))
        said = " ".join(
            f"{name} ${_on_tick(price):,f}" for name, price in prices if price is not None
        )
        extended = ", extended hours" if self.extended_hours else ""
        return f"{said or self.type.value}, {self.time_in_force.value}{extended}"

    def protection_at(self, paid: Decimal) -> tuple[Decimal | None, Decimal | None]:
        """Stop and target, at their distance in percent from the price really paid (spec 5)."""
        moved = (
            None if price is None else _on_tick(price / self.expected_price * paid)
            for price in (self.stop_loss_price, self.target_price)
        )
        stop, target = moved
        return stop, target


def _on_tick(price: Decimal) -> Decimal:
    return price.quantize(_CENT if price >= 1 else _SUBPENNY)


class Holding(Noun):
    symbol: str
    sector: str
    qty: Exact
    value: Exact
    weight: Exact


class SectorWeight(Noun):
    sector: str
    value: Exact
    weight: Exact


class Standing(Noun):
    """A portfolio in figures, before or after a plan."""

    equity: Exact
    cash: Exact
    cash_weight: Exact
    gross_exposure: Exact
    leverage: Exact
    accounts: dict[str, Exact]
    """Cash per account."""
    holdings: tuple[Holding, ...]
    sectors: tuple[SectorWeight, ...]

    def weight_of(self, symbol: str) -> Decimal:
        return next((h.weight for h in self.holdings if h.symbol == symbol), Decimal(0))

    def sector_weight_of(self, sector: str) -> Decimal:
        return next((s.weight for s in self.sectors if s.sector == sector), Decimal(0))


class Plan(Noun):
    """What would be done, in which order, at what price, with what consequence. Nothing of how it
    went: that is `PlanRun`. Editing makes a new Plan with the same id and the next revision."""

    plan_id: str
    revision: int = 1
    created_at: Utc
    source: str
    """File or words it came from."""
    proposal_sha256: str
    proposal: str = ""
    """Kind of the proposal it was made of (db/model/proposal.py); empty in plans of before."""
    policy: str
    policy_hash: str
    environment: str
    steps: tuple[Step, ...]
    findings: tuple[Finding, ...]
    skipped: tuple[Skipped, ...] = ()
    before: Standing
    after: Standing
    estimated_cost: Exact = Decimal(0)
    """Spread and slippage expected, dollars."""
    taxes: tuple[TaxNotice, ...] = ()
    """What each sale realises, estimated."""
    verdict: Verdict

    @property
    def hash(self) -> str:
        """What an approval binds to: the plan as shown (steps, prices, policy, findings)."""
        shown = self.model_dump(
            mode="json", include={"plan_id", "steps", "findings", "policy_hash"}
        )
        return hashlib.sha256(canonical_json(shown).encode()).hexdigest()

    def step(self, n: int) -> Step:
        """Step number `n`; KeyError when the plan has none."""
        for step in self.steps:
            if step.n == n:
                return step
        raise KeyError(n)

    def phase_steps(self, phase: Phase) -> tuple[Step, ...]:
        return tuple(step for step in self.steps if step.phase is phase)


def verdict_of(findings: tuple[Finding, ...]) -> Verdict:
    """Any block: BLOCKED. No block, some warn: CONDITIONAL. Else SAFE (spec 3)."""
    severities = {finding.severity for finding in findings}
    if Severity.BLOCK in severities:
        return Verdict.BLOCKED
    return Verdict.CONDITIONAL if Severity.WARN in severities else Verdict.SAFE
