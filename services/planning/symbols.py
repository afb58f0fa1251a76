"""Which symbols a proposal may come to trade: whose quotes must be there."""

from collections.abc import Mapping

from db.model.instrument import Instrument
from db.model.market import MarketAnalysis
from db.model.policy import Policy
from db.model.proposal import BasketProposal, IdeasProposal, Proposal, WeightsProposal
from services.planning.routing import funds_of


def symbols_of(
    proposal: Proposal,
    analysis: MarketAnalysis | None,
    instruments: Mapping[str, Instrument],
    policy: Policy,
) -> frozenset[str]:
    """Besides what is held."""
    if isinstance(proposal, BasketProposal):
        return frozenset(line.symbol for line in proposal.lines)
    if isinstance(proposal, WeightsProposal):
        return frozenset(proposal.weights)
    if isinstance(proposal, IdeasProposal):
        tickers = frozenset(idea.ticker for idea in proposal.ideas)
        if proposal.kind != "signal":
            return tickers
        return tickers | funds_of(proposal.ideas, instruments, policy)
    return (
        frozenset(pick.symbol for pick in analysis.picks) if analysis is not None else frozenset()
    )
