"""Reads signals: machines' suggestions, one object or one a line (spec 2.D)."""

from collections.abc import Sequence
from decimal import Decimal

from db.model.idea import Direction, Idea
from db.model.proposal import IdeasProposal
from services.intake import values
from services.intake.entry import Entry
from services.intake.qa_report import LONGEST_ID
from services.intake.text import sha256

MARKS = (
    "signal_type", "direction", "timeframe", "conviction", "entry_price", "stop_loss",
    "target_price",
)  # fmt: skip
KEYS = (*MARKS, "ticker", "source", "id", "timestamp")
DIRECTIONS = [direction.value for direction in Direction]


def read(documents: Sequence[Entry], data: bytes) -> IdeasProposal:
    """One idea a document, none of them twice. Raises RefusedInputError: one that can't be read refuses
    the whole file."""
    ideas: dict[tuple[str, str], Idea] = {}
    for document in documents:
        idea = _signal(document.table(KEYS))
        if (idea.source, idea.id) in ideas:
            said = f"the signal {idea.id} of {idea.source} is there twice, expected once"
            raise document.at("id").refused(said)
        ideas[idea.source, idea.id] = idea
    name = documents[0].source.name
    found = tuple(ideas.values())
    return IdeasProposal(kind="signal", source=name, sha256=sha256(data), ideas=found)


def _signal(document: Entry) -> Idea:
    entry = document.at("entry_price").number(values.ABOVE_ZERO)
    direction = Direction(document.at("direction").word(DIRECTIONS))
    target = document.get("target_price")
    return Idea(
        ticker=document.at("ticker").symbol(),
        direction=direction,
        id=document.at("id").text(LONGEST_ID),
        source=document.at("source").text(LONGEST_ID),
        signal_type=document.at("signal_type").text(LONGEST_ID),
        timeframe=document.at("timeframe").text(LONGEST_ID),
        at=document.at("timestamp").instant(),
        conviction=document.at("conviction").number(values.SCORE),
        entry_price=entry,
        stop_price=_beyond(document.at("stop_loss"), entry, direction is Direction.SHORT),
        target_price=target and _beyond(target, entry, direction is Direction.LONG),
    )


def _beyond(price: Entry, entry: Decimal, above: bool) -> Decimal:
    """A stop or a target lies on its side of the entry."""
    found = price.number(values.ABOVE_ZERO)
    if found == entry or (found > entry) != above:
        raise price.unfit(f"a price {'above' if above else 'under'} the entry of {entry:f}")
    return found
