"""Reads a stock recommendation: one stock, how sure its author is, and how much of it (spec 2.C)."""

from decimal import Decimal

from db.model.idea import Idea
from db.model.proposal import IdeasProposal
from services.intake import values
from services.intake.analysis import sector_of
from services.intake.basket import LONGEST_ACCOUNT
from services.intake.entry import Entry
from services.intake.qa_report import LONGEST_ID
from services.intake.text import sha256
from services.intake.values import Range

MARKS = ("conviction_score", "thesis", "proposed_allocation_pct")
KEYS = ("ticker", *MARKS, "sector", "id", "source", "timestamp", "account")
HUNDRED = Decimal(100)
PERCENT = Range(Decimal(0), HUNDRED, "percent above 0, at most 100", open=True)


def read(document: Entry, data: bytes) -> IdeasProposal:
    """The one idea. Raises RefusedInputError."""
    document.table(KEYS)
    known, source = document.get("id"), document.get("source")
    at, account = document.get("timestamp"), document.get("account")
    idea = Idea(
        ticker=document.at("ticker").symbol(),
        id=known.text(LONGEST_ID) if known else "",
        source=source.text(LONGEST_ID) if source else "",
        at=at and at.instant(),
        conviction=document.at("conviction_score").number(values.SCORE),
        sector=sector_of(document.at("sector")),
        weight=document.at("proposed_allocation_pct").number(PERCENT) / HUNDRED,
        account=account and account.text(LONGEST_ACCOUNT),
        reason=document.at("thesis").text(),
    )
    name = document.source.name
    return IdeasProposal(kind="recommendation", source=name, sha256=sha256(data), ideas=(idea,))
