"""Plans a file against a book, without a desk: `python -m services.desk.offline FILE`.

Exit code: 0 SAFE, 10 CONDITIONAL, 20 BLOCKED, 2 when something given can't be used."""

import hashlib
import json
import signal
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import click

from db.model.base import Environment, canonical_json
from db.model.instrument import UNCLASSIFIED, Instrument, Restriction
from db.model.market import MarketAnalysis, MarketClock, Quote
from db.model.plan import Plan, Verdict
from db.model.portfolio import Account, Portfolio, Position
from db.model.proposal import Proposal
from db.model.record import DayState, TradeRecord
from db.model.trading import TradingState
from services.desk.document import plan_document
from services.exchange.book import Book, BookError, Listing, read_book
from services.intake.instruments import InstrumentNote, InstrumentTable
from services.intake.read import read_file
from services.intake.refusal import RefusedInputError
from services.intake.restricted import RestrictedList
from services.market.instruments import merge, shipped
from services.planning import Facts, make_plan, revise
from services.planning.report import markdown
from services.reports.stock_validation import refuse_rejected, stock_validation
from services.risk.estimate import down, up
from services.risk.policy import PolicyError, load_policy

PROGRAM = "quarterdeck plan"
OPEN_AT = datetime(2026, 1, 5, 15, 0, tzinfo=UTC)
"""A book has no time of its own: a Monday half an hour after the open."""
MAINTENANCE = Decimal("0.30")
"""Of what is held: the usual requirement (alpaca.md §8)."""
LONG_AGO = timedelta(days=400)
EXIT = {Verdict.SAFE: 0, Verdict.CONDITIONAL: 10, Verdict.BLOCKED: 20}
REFUSED = 2


def facts_of(
    book: Book,
    *,
    analysis: MarketAnalysis | None,
    policy: str,
    search: Sequence[Path] = (),
    overrides: Sequence[InstrumentNote] = (),
    restrictions: Sequence[Restriction] = (),
) -> Facts:
    """The book as facts: quotes around its mids, the market open, nothing halted, nothing traded
    before. A day whose opening equity the book does not tell began with what it is worth. Raises
    PolicyError."""
    clock = MarketClock(
        at=OPEN_AT,
        is_open=True,
        next_open=OPEN_AT + timedelta(hours=23, minutes=30),
        next_close=OPEN_AT + timedelta(hours=6),
    )
    portfolio = _portfolio(book)
    return Facts(
        portfolio=portfolio,
        quotes={listing.symbol: _quote(listing) for listing in book.market},
        instruments=merge(shipped(), [_instrument(one) for one in book.market], overrides),
        policy=load_policy(policy, search),
        analysis=analysis,
        clock=clock,
        now=OPEN_AT,
        trading_state=TradingState.ACTIVE,
        day=DayState(
            start_equity=sum((a.last_equity or a.equity for a in portfolio.accounts), Decimal(0)),
            losses_in_a_row=0,
        ),
        record=TradeRecord(since=OPEN_AT - LONG_AGO),
        restrictions=restrictions,
    )


def _portfolio(book: Book) -> Portfolio:
    prices = {listing.symbol: listing.price for listing in book.market}
    held: dict[str, Decimal] = {name: Decimal(0) for name in book.accounts}
    for position in book.positions:
        held[position.account] += position.qty * prices[position.symbol]
    accounts = []
    for name, account in book.accounts.items():
        equity, multiplier = account.cash + held[name], Decimal(account.multiplier)
        accounts.append(
            Account(
                name=name,
                number=name,
                cash=account.cash,
                equity=equity,
                last_equity=account.equity_at_open,
                buying_power=max(multiplier * equity - held[name], Decimal(0)),
                multiplier=multiplier,
                maintenance_margin=MAINTENANCE * max(held[name], Decimal(0)),
            )
        )
    positions = tuple(
        Position(
            account=p.account,
            symbol=p.symbol,
            qty=p.qty,
            qty_available=p.qty,
            avg_entry_price=p.avg_entry_price,
            current_price=prices[p.symbol],
        )
        for p in book.positions
    )
    return Portfolio(as_of=OPEN_AT, accounts=tuple(accounts), positions=positions)


def _quote(listing: Listing) -> Quote:
    """Bid and ask half the spread around the mid, each rounded outward to the tick."""
    half = listing.price * listing.spread_bps / 20_000
    return Quote(
        symbol=listing.symbol,
        bid=down(listing.price - half),
        ask=up(listing.price + half),
        at=OPEN_AT,
        source="book",
    )


def _instrument(listing: Listing) -> Instrument:
    return Instrument(
        symbol=listing.symbol,
        name=listing.name,
        sector=listing.sector or UNCLASSIFIED,
        average_daily_volume=Decimal(listing.adv) if listing.adv else None,
    )


def plan_files(
    files: Sequence[Path],
    *,
    analysis: Path | None = None,
    policy: str = "standard",
    book: Path | None = None,
    search: Sequence[Path] = (),
    drop: Sequence[str] = (),
) -> Plan:
    """The plan of the one proposal among `files`; the others are reference data.
    Raises RefusedInputError, PolicyError or BookError, each with one sentence."""
    proposals: list[Proposal] = []
    found_analysis: MarketAnalysis | None = None
    notes: list[InstrumentNote] = []
    restrictions: Sequence[Restriction] = ()
    if analysis is not None:
        given = read_file(analysis)
        if not isinstance(given, MarketAnalysis):
            raise RefusedInputError(analysis.name, "it is no market analysis, expected one")
        found_analysis = given
    for path in files:
        found = read_file(path)
        if isinstance(found, MarketAnalysis):
            found_analysis = found
        elif isinstance(found, InstrumentTable):
            notes += found.notes
        elif isinstance(found, RestrictedList):
            restrictions = found.restrictions
        else:
            proposals.append(found)
    if len(proposals) != 1:
        names = ", ".join(proposal.source for proposal in proposals) or "none"
        raise RefusedInputError(files[0].name, f"expected one proposal to plan, found {names}")
    opened = read_book(book)
    facts = facts_of(
        opened,
        analysis=found_analysis,
        policy=policy,
        search=search,
        overrides=notes,
        restrictions=restrictions,
    )
    named = {
        "proposal": proposals[0].sha256,
        "book": opened.model_dump(mode="json"),
        "analysis": found_analysis.to_json() if found_analysis is not None else None,
        "policy": facts.policy.to_json(),
        "instruments": [note.to_json() for note in notes],
        "restrictions": [restriction.to_json() for restriction in restrictions],
    }
    plan_id = hashlib.sha256(canonical_json(named).encode()).hexdigest()[:4]
    plan = make_plan(proposals[0], facts, plan_id, Environment.SIM.value)
    refuse_rejected(plan)
    if not drop:
        return plan
    unwanted = {symbol.upper() for symbol in drop}
    absent = sorted(unwanted - {step.symbol for step in plan.steps})
    if absent:
        raise RefusedInputError(plan.source, f"the plan has no step in {absent[0]} to drop")
    return revise(plan, facts, drop=[step.n for step in plan.steps if step.symbol in unwanted])


@click.command(name="plan", context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--analysis", type=click.Path(path_type=Path), help="Market analysis to buy by.")
@click.option("--policy", default="standard", show_default=True, help="Policy to check against.")
@click.option(
    "--policies",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Directory with policies of your own.",
)
@click.option("--book", type=click.Path(path_type=Path), help="Accounts, positions and prices.")
@click.option("--drop", multiple=True, metavar="SYMBOL", help="Plan without this symbol's steps.")
@click.option("--json", "as_json", is_flag=True, help="Print the plan as one JSON object.")
@click.option("--markdown", "as_markdown", is_flag=True, help="Print the report (the default).")
def main(
    files: tuple[Path, ...],
    analysis: Path | None,
    policy: str,
    policies: tuple[Path, ...],
    book: Path | None,
    drop: tuple[str, ...],
    as_json: bool,
    as_markdown: bool,
) -> None:
    """Plan FILE (any proposal) against a book, without a desk."""
    try:
        if as_json and as_markdown:
            raise click.UsageError("--json and --markdown exclude one another.")
        plan = plan_files(
            files, analysis=analysis, policy=policy, book=book, search=policies, drop=drop
        )
    except (RefusedInputError, PolicyError, BookError) as error:
        click.echo(f"{PROGRAM}: {error}", err=True)
        sys.exit(REFUSED)
    if as_json:
        click.echo(json.dumps(plan_document(plan), ensure_ascii=False, indent=2))
    else:
        click.echo(markdown(plan), nl=False)
        if (found := stock_validation(plan)) is not None:
            click.echo(found.message, err=True)
    sys.exit(EXIT[plan.verdict])


if __name__ == "__main__":
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # whoever read the plan went away: 141
    main(prog_name=PROGRAM)
