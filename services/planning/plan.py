"""Makes a plan of a proposal, and the next revision of a plan."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from decimal import Decimal

from db.model.base import Environment, plain
from db.model.idea import Idea
from db.model.plan import Finding, Plan, Severity, Skipped, Step, verdict_of
from db.model.proposal import (
    BasketProposal,
    DeployProposal,
    DirectiveProposal,
    IdeasProposal,
    Proposal,
    WeightsProposal,
)
from db.model.slicing import Algorithm
from services.planning.basket import basket_drafts
from services.planning.deploy import deploy_drafts
from services.planning.directives import directive_drafts
from services.planning.draft import Drafted
from services.planning.funding import ledger
from services.planning.guidance import unsliceable
from services.planning.lots import notices
from services.planning.sequence import steps_of
from services.planning.single import idea_drafts
from services.planning.weights import weight_drafts
from services.risk.case import case_of
from services.risk.catalogue import BY_ID, Group
from services.risk.facts import Facts
from services.risk.nearest import taught
from services.risk.policy import policy_hash
from services.risk.run import RULES, check, repriced
from services.risk.standing import cost

CHECK_ORDER = {check_id: place for place, check_id in enumerate(BY_ID)}


class PlanEditError(ValueError):
    """The edit asked for can't be made; one sentence says why."""


def make_plan(proposal: Proposal, facts: Facts, plan_id: str, environment: str) -> Plan:
    """The plan of a proposal on these facts, dry run included. Same input, same plan.

    Raises RefusedInputError when the proposal names what nobody knows (a sector, a symbol, an
    account) or can't be carried out whole."""
    drafted = _drafted(proposal, facts)
    return dry_run(
        facts,
        steps_of(facts, drafted.drafts),
        drafted.findings,
        plan_id=plan_id,
        revision=1,
        source=proposal.source,
        proposal_sha256=proposal.sha256,
        proposal=proposal.kind,
        environment=environment,
        skipped=drafted.skipped,
        ideas=proposal.ideas if isinstance(proposal, IdeasProposal) else (),
    )


def _drafted(proposal: Proposal, facts: Facts) -> Drafted:
    match proposal:
        case DirectiveProposal():
            return directive_drafts(proposal, facts)
        case BasketProposal():
            return basket_drafts(proposal, facts)
        case WeightsProposal():
            return weight_drafts(proposal, facts)
        case IdeasProposal():
            return idea_drafts(proposal, facts)
        case DeployProposal():
            return deploy_drafts(proposal, facts)


def revise(
    plan: Plan,
    facts: Facts,
    *,
    drop: Collection[int] = (),
    resize: Mapping[int, Decimal] | None = None,
    algorithms: Mapping[int, Algorithm | None] | None = None,
) -> Plan:
    """The next revision: without the dropped steps, with the resized quantities, sent in pieces or
    not, dry run again on these facts. Steps keep their numbers. Raises PlanEditError."""
    sizes, sliced = resize or {}, algorithms or {}
    known = {step.n for step in plan.steps}
    for n in (*drop, *sizes, *sliced):
        if n not in known:
            raise PlanEditError(f"Plan {plan.plan_id} has no step {n}.")
    for n, qty in sizes.items():
        if not qty.is_finite() or qty <= 0:
            raise PlanEditError(f"Step {n} can't be {qty} shares: expected more than zero.")
    for n, algorithm in sliced.items():
        if algorithm is None:
            continue
        if plan.environment == Environment.MANUAL:
            raise PlanEditError("By hand each order is one ticket: nothing is sent in pieces.")
        if why := unsliceable(plan.step(n), algorithm, facts):
            raise PlanEditError(f"Step {n} can't be sent in pieces: {why}.")
    kept = [
        step.model_copy(
            update={
                "qty": sizes.get(step.n, step.qty),
                "algorithm": sliced.get(step.n, step.algorithm),
            }
        )
        for step in plan.steps
        if step.n not in drop
    ]
    gone = tuple(
        Skipped(symbol=step.symbol, reason=f"step {step.n} ({step.side} {plain(step.qty)}) dropped")
        for step in plan.steps
        if step.n in drop
    )
    return dry_run(
        facts,
        ledger(facts, repriced(facts, kept)),
        _carried(plan.findings),
        plan_id=plan.plan_id,
        revision=plan.revision + 1,
        source=plan.source,
        proposal_sha256=plan.proposal_sha256,
        proposal=plan.proposal,
        environment=plan.environment,
        skipped=(*plan.skipped, *gone),
    )


def _carried(findings: Iterable[Finding]) -> list[Finding]:
    """What only the proposal could tell: stated weights, what speaks for and against ideas, and
    orders left out for want of a price."""
    return [
        finding
        for finding in findings
        if BY_ID[finding.check].group is Group.SIGNAL
        or (
            finding.severity is not Severity.PASS
            and finding.step is None
            and finding.check in ("stated_weight", "quote_fresh")
        )
    ]


def dry_run(
    facts: Facts,
    steps: tuple[Step, ...],
    more: Iterable[Finding],
    *,
    plan_id: str,
    revision: int,
    source: str,
    proposal_sha256: str,
    proposal: str = "",
    environment: str,
    skipped: tuple[Skipped, ...],
    ideas: Sequence[Idea] = (),
) -> Plan:
    """The plan of these steps with every finding, in the catalogue's order."""
    case = case_of(facts, steps, ideas)
    told = taught(case, check(case), RULES)
    findings = tuple(sorted([*told, *more], key=lambda finding: CHECK_ORDER[finding.check]))
    return Plan(
        plan_id=plan_id,
        revision=revision,
        created_at=facts.now,
        source=source,
        proposal_sha256=proposal_sha256,
        proposal=proposal,
        policy=facts.policy.name,
        policy_hash=policy_hash(facts.policy),
        environment=environment,
        steps=steps,
        findings=findings,
        skipped=skipped,
        before=case.before,
        after=case.after,
        estimated_cost=cost(steps),
        taxes=notices(facts, steps),
        verdict=verdict_of(findings),
    )
