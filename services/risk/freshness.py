"""How old the portfolio is, and how far it has moved since a plan was made on it (spec 3, Freshness).

Pure. The ladder and the kinds of change are tables; their thresholds are the policy's."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from db.model.order import Side
from db.model.plan import Finding, Severity, Standing, Step
from db.model.policy import Policy
from services.risk.case import PLAN, Case, Findings, cannot, found, passed, percent
from services.risk.facts import ZERO, Facts
from services.risk.standing import standing, weight

SHOWN = Decimal("0.0005")
"""A change that would be written as 0.0% is none."""


class Rung(StrEnum):
    PROCEED = "proceed"
    CAVEAT = "caveat"
    """Go on, with a word in the audit record."""
    STALE = "stale"
    """To be read again; when that fails for long enough, go on by a typed word only."""
    STOP = "stop"


class Change(StrEnum):
    NONE = "none"
    MINOR = "minor"
    """A word on the card and in the audit record."""
    MATERIAL = "material"
    """Needs an exception."""
    CRITICAL = "critical"
    """Stops."""


def age_minutes(facts: Facts) -> Decimal:
    """Of the snapshot of the broker's figures."""
    return Decimal(int((facts.now - facts.portfolio.as_of).total_seconds())) / 60


def rung(minutes: Decimal, policy: Policy) -> Rung:
    """Of the ladder: to 1 h, to 2 h, to 4 h, beyond."""
    ladder = (
        (policy.portfolio_stop_minutes, Rung.STOP),
        (policy.portfolio_stale_minutes, Rung.STALE),
        (policy.portfolio_caveat_minutes, Rung.CAVEAT),
    )
    return next((found for line, found in ladder if minutes > line), Rung.PROCEED)


@dataclass(frozen=True)
class Move:
    """A weight when the plan was made, and now with what the plan did taken back."""

    kind: str
    """position, sector, leveraged or cash."""
    subject: str
    was: Decimal
    now: Decimal

    @property
    def moved(self) -> Decimal:
        return abs(self.now - self.was)

    @property
    def words(self) -> str:
        return (
            f"{self.subject} weighs {percent(self.now)}, {percent(self.was)} when the plan was made"
        )


def moves(made_on: Standing, now: Standing, leveraged: frozenset[str]) -> tuple[Move, ...]:
    """Every weight of either, the largest change first."""
    was, is_now = _weights(made_on, leveraged), _weights(now, leveraged)
    found = (
        Move(*key, was=was.get(key, ZERO), now=is_now.get(key, ZERO))
        for key in sorted({*was, *is_now})
    )
    return tuple(sorted(found, key=lambda move: -move.moved))


def _weights(of: Standing, leveraged: frozenset[str]) -> dict[tuple[str, str], Decimal]:
    held = sum((h.value for h in of.holdings if h.symbol in leveraged), ZERO)
    return {
        **{("position", h.symbol): h.weight for h in of.holdings},
        **{("sector", s.sector): s.weight for s in of.sectors},
        ("leveraged", "leveraged products"): weight(held, of.equity),
        ("cash", "cash"): of.cash_weight,
    }


def kind_of(move: Move, policy: Policy) -> Change:
    """Of a weight that has moved: minor under the policy's line, material from it on."""
    if move.moved and move.moved >= policy.material_change:
        return Change.MATERIAL
    return Change.MINOR if move.moved >= SHOWN else Change.NONE


def taken_back(facts: Facts, done: Sequence[Step]) -> Standing:
    """The portfolio as if `done` had not been: each a step with what filled of it as its quantity,
    and what was paid or got as its expected price."""
    back = [
        step.model_copy(update={"side": Side.BUY if step.side is Side.SELL else Side.SELL})
        for step in done
    ]
    return standing(facts, back)


def change_findings(made_on: Standing, case: Case, done: Sequence[Step] = ()) -> Findings:
    """The portfolio that the plan was made on against the fresh one, where `done` of the plan is taken
    back; `case` is what is still to be sent."""
    facts = case.facts
    unknown = f"no price for {', '.join(facts.unpriced)}" if facts.unpriced else case.unknown
    if unknown or made_on.equity <= 0:
        yield cannot(
            "portfolio_change", case.worst, PLAN, unknown or "the plan's snapshot is empty"
        )
        return
    undone, policy = taken_back(facts, done), facts.policy
    all_moves = moves(made_on, undone, facts.leveraged)
    material = [move for move in all_moves if kind_of(move, policy) is Change.MATERIAL]
    for move in material:
        message = (
            f"{move.words}: a change of {percent(move.moved)} is material. Plan anew, or escalate."
        )
        yield found(
            "portfolio_change", case.worst, move.subject, message,
            before=move.was, after=move.now, moved=move.moved, limit=policy.material_change,
        )  # fmt: skip
    if not material:
        most = all_moves[0]
        message = f"Since the plan was made {most.subject} moved most: from {percent(most.was)} to {percent(most.now)} of the portfolio."
        yield passed("portfolio_change", message, moved=most.moved)
    yield from _caps(all_moves, case)


def _caps(all_moves: Sequence[Move], case: Case) -> Findings:
    """A cap over which a weight stands now, that it did not when the plan was made, not by the plan's
    own doing, and that the plan does not bring back under it."""
    facts = case.facts
    standing_now = _weights(case.before, facts.leveraged)
    afterwards = _weights(case.after, facts.leveraged)
    well = True
    for move, cap in _capped(all_moves, facts.policy):
        key = (move.kind, move.subject)
        over = (move.now, standing_now.get(key, ZERO), afterwards.get(key, ZERO))
        if move.was > cap or min(over) <= cap:
            continue
        well = False
        message = f"{move.words}: over the cap of {percent(cap)}. Propose the plan again."
        yield found(
            "cap_breached", case.worst, move.subject, message,
            before=move.was, after=move.now, cap=cap,
        )  # fmt: skip
    if well:
        yield passed("cap_breached", "No cap broke since the plan was made.")


def _capped(all_moves: Sequence[Move], policy: Policy) -> Iterator[tuple[Move, Decimal]]:
    caps = {
        "position": policy.max_position_weight,
        "sector": policy.max_sector_weight,
        "leveraged": policy.max_leveraged_weight,
    }
    for move in all_moves:
        cap = caps.get(move.kind)
        if cap is not None:
            yield move, cap


def caveats(findings: Iterable[Finding]) -> tuple[str, ...]:
    """What goes on with a word in the audit record: an age over the first line, a minor change."""
    return tuple(finding.message for finding in findings if _worth_a_word(finding))


def _worth_a_word(finding: Finding) -> bool:
    match finding.check:
        case "portfolio_age":
            return finding.severity is Severity.WARN
        case "portfolio_change":
            moved = Decimal(finding.values.get("moved", "0"))
            return finding.severity is Severity.PASS and moved >= SHOWN
    return False
