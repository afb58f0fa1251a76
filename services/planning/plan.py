"""Makes a plan of a proposal: drafts, sequence, dry run (spec 4)."""

from collections.abc import Iterable, Sequence

from db.model.idea import Idea
from db.model.plan import Finding, Plan, Skipped, Step, verdict_of
from db.model.proposal import (
    BasketProposal,
    DeployProposal,
    DirectiveProposal,
    IdeasProposal,
    Proposal,
    WeightsProposal,
)
from services.planning.basket import basket_drafts
from services.planning.deploy import deploy_drafts
from services.planning.directives import directive_drafts
from services.planning.draft import Drafted
from services.planning.lots import notices
from services.planning.sequence import steps_of
from services.planning.single import idea_drafts
from services.planning.weights import weight_drafts
from services.risk.case import case_of
from services.risk.catalogue import BY_ID
from services.risk.facts import Facts
from services.risk.nearest import taught
from services.risk.policy import policy_hash
from services.risk.run import RULES, check
from services.risk.standing import cost

CHECK_ORDER = {check_id: place for place, check_id in enumerate(BY_ID)}


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
