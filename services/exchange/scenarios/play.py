"""The scenarios of one exchange, put together: who decides, what passes the sockets, what was."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from services.exchange.clock import Clock
from services.exchange.engine.venue import Venue
from services.exchange.market.boards import Market
from services.exchange.scenarios.back_office import SpoiltBehaviour
from services.exchange.scenarios.deeds import Deeds
from services.exchange.scenarios.director import Director
from services.exchange.scenarios.past import Past
from services.exchange.scenarios.reading import Scenario
from services.exchange.scenarios.stream_tap import Outages, StreamTap
from services.exchange.streams.connection import Connections


@dataclass(frozen=True)
class Play:
    director: Director
    past: Past = field(default_factory=Past)
    connections: Connections = field(default_factory=Connections)


def prepared(
    venue: Venue, market: Market, clock: Clock, seed: int, scenarios: Iterable[Scenario]
) -> Play:
    """Raises ScenarioError for a step about what is not on this exchange."""
    past, connections, outages = Past(), Connections(), Outages(clock)
    deeds = Deeds(venue, market, clock, connections, past, outages)
    steps = [step for scenario in scenarios for step in scenario.steps]
    director = Director(clock, seed, deeds, steps)
    venue.behave(SpoiltBehaviour(director))
    connections.tap = StreamTap(director, outages)
    return Play(director, past, connections)
