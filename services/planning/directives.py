"""From sector directives to orders (spec 4, From sector directives)."""

from dataclasses import dataclass
from decimal import Decimal

from db.model.instrument import UNCLASSIFIED
from db.model.plan import Finding, Severity, Skipped, Standing
from db.model.proposal import Action, Directive, DirectiveProposal
from services.intake.refusal import RefusedInputError
from services.market.sectors import canonical_sector
from services.planning.buying import buys_for
from services.planning.draft import Draft, Drafted
from services.planning.selling import sells_for
from services.risk.case import PLAN, cannot, found, percent
from services.risk.facts import ZERO, Facts
from services.risk.standing import standing

MATERIAL = Decimal("0.02")
"""A stated weight this far from the actual one is material (spec 2.A)."""


@dataclass(frozen=True)
class Aim:
    """A directive with the sector's own name and its actual value."""

    directive: Directive
    sector: str
    value: Decimal
    equity: Decimal

    @property
    def actual(self) -> Decimal:
        return self.value / self.equity

    @property
    def gap(self) -> Decimal:
        """Dollars to deploy, negative to raise: (target − actual) × portfolio value."""
        return self.directive.target_weight * self.equity - self.value


def directive_drafts(proposal: DirectiveProposal, facts: Facts) -> Drafted:
    """Sells that raise what must be raised, buys that deploy it, scaled to what cash allows.
    Raises RefusedInputError for an unknown sector, or one to buy that no analysis covers."""
    sectors = _resolved(proposal, facts)
    now = standing(facts)
    missing = facts.unpriced
    if missing or now.equity <= 0:
        why = f"no price for {', '.join(missing)}" if missing else "the portfolio is worth nothing"
        return Drafted((), findings=(cannot("stated_weight", Severity.BLOCK, PLAN, why),))
    aims = [_aim(directive, sector, now) for directive, sector in sectors]
    skipped: list[Skipped] = []
    findings: list[Finding] = list(_stated(aims, proposal, now))
    sells: list[Draft] = []
    deploy: dict[str, Decimal] = {}
    for aim in aims:
        if aim.directive.action is Action.SELL and aim.gap < 0:
            drafted = sells_for(facts, aim.sector, -aim.gap, now)
            sells += drafted.drafts
            skipped += drafted.skipped
            findings += drafted.findings
        elif aim.directive.action is Action.BUY and aim.gap > 0:
            deploy[aim.sector] = aim.gap
        elif aim.directive.action is not Action.HOLD:
            where = f"it is at {percent(aim.actual)} already, the target is {percent(aim.directive.target_weight)}"
            skipped.append(Skipped(symbol=aim.sector, reason=where))
    _covered(proposal, aims, deploy, facts)
    bought = buys_for(facts, deploy, sells, now, proposal.target_cash_weight)
    return Drafted(
        (*sells, *bought.drafts), (*skipped, *bought.skipped), (*findings, *bought.findings)
    )


def _resolved(proposal: DirectiveProposal, facts: Facts) -> list[tuple[Directive, str]]:
    """Every directive with the sector's one name."""
    analysis = facts.analysis
    known = {i.sector for i in facts.instruments.values()} - {UNCLASSIFIED}
    if analysis is not None:
        known |= {*analysis.sector_rank, *(pick.sector for pick in analysis.picks)}
    resolved: list[tuple[Directive, str]] = []
    seen: dict[str, int] = {}
    for directive in proposal.directives:
        sector = canonical_sector(directive.sector, sorted(known))
        if sector is None or (sector not in known and directive.action is Action.SELL):
            raise RefusedInputError(
                proposal.source,
                f"{directive.sector} is not a known sector, expected one of {', '.join(sorted(known))}",
                line=directive.line,
                field="sector",
            )
        if sector in seen:
            raise RefusedInputError(
                proposal.source,
                f"{sector} has a directive on line {seen[sector]} already, expected one a sector",
                line=directive.line,
                field="sector",
            )
        seen[sector] = directive.line
        resolved.append((directive, sector))
    return resolved


def _aim(directive: Directive, sector: str, now: Standing) -> Aim:
    value = next((s.value for s in now.sectors if s.sector == sector), ZERO)
    return Aim(directive, sector, value, now.equity)


def _covered(
    proposal: DirectiveProposal, aims: list[Aim], deploy: dict[str, Decimal], facts: Facts
) -> None:
    """Half a rebalance is worse than none: a sector to buy must have picks."""
    picks = facts.analysis.picks if facts.analysis is not None else ()
    covered = {canonical_sector(pick.sector) or pick.sector for pick in picks}
    for aim in aims:
        if aim.sector in deploy and aim.sector not in covered:
            what = "the one loaded has none" if facts.analysis else "none is loaded"
            raise RefusedInputError(
                proposal.source,
                f"buying {aim.sector} needs a market analysis with picks for it; {what}",
                line=aim.directive.line,
                field="sector",
            )


def _stated(aims: list[Aim], proposal: DirectiveProposal, now: Standing) -> list[Finding]:
    """Where the author saw another portfolio than the one that is there."""
    seen = [
        (aim.sector, aim.directive.stated_weight, aim.actual)
        for aim in aims
        if aim.directive.stated_weight is not None
    ]
    if proposal.stated_cash_weight is not None:
        seen.append(("Cash", proposal.stated_cash_weight, now.cash / now.equity))
    findings = []
    for name, stated, actual in seen:
        if stated is not None and abs(stated - actual) > MATERIAL:
            message = f"{name} stands at {percent(actual)}; the author saw {percent(stated)}: a material difference."
            findings.append(
                found(
                    "stated_weight",
                    Severity.WARN,
                    name,
                    message,
                    stated=stated,
                    actual=actual.quantize(Decimal("0.000001")),
                )
            )
    return findings
