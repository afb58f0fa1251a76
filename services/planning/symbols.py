"""Which symbols a proposal may come to trade: whose quotes must be there."""

from db.model.market import MarketAnalysis
from db.model.proposal import BasketProposal, IdeasProposal, Proposal, WeightsProposal


def symbols_of(proposal: Proposal, analysis: MarketAnalysis | None) -> frozenset[str]:
    """Besides what is held."""
    if isinstance(proposal, BasketProposal):
        return frozenset(line.symbol for line in proposal.lines)
    if isinstance(proposal, WeightsProposal):
        return frozenset(proposal.weights)
    if isinstance(proposal, IdeasProposal):
        return frozenset(idea.ticker for idea in proposal.ideas)
    return (
        frozenset(pick.symbol for pick in analysis.picks) if analysis is not None else frozenset()
    )
