"""The walk: repeatable, correlated by sector, and shaped like a day."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from statistics import correlation, pstdev

import pytest

from services.exchange.book import Listing
from services.exchange.market.factors import MARKET_PART, OWN_PART, SECTOR_PART
from services.exchange.market.profile import PARTS, VOLATILITY, VOLUME, moment_of
from services.exchange.market.quotes import Quote, Trade
from services.exchange.market.walk import Walk
from services.exchange.sessions import session_of

SESSION = session_of(datetime(2026, 3, 3, tzinfo=UTC).date())
HALF_DAY = session_of(datetime(2026, 11, 27, tzinfo=UTC).date())
assert SESSION is not None
assert HALF_DAY is not None
NOON = SESSION.opens + timedelta(hours=3)


def listed(symbol: str, sector: str = "", **more: object) -> Listing:
    fields = {"symbol": symbol, "price": Decimal(100), "sector": sector, "adv": 2_000_000}
    return Listing.model_validate(fields | more)


BOOK = [listed("AAA", "Tech"), listed("BBB", "Tech"), listed("CCC", "Energy")]
QUIET = [listed(f"Q{letter}", "Tech") for letter in "ABCDEFGHIJ"]


def walk(seed: int = 7, deviation: str = "0.001", **more: object) -> Walk:
    return Walk(BOOK, seed=seed, step_deviation=Decimal(deviation), trading=lambda at: True, **more)


def test_same_seed_same_bytes_and_another_seed_others():
    def told(source: Walk) -> bytes:
        return repr([source.due(NOON + timedelta(seconds=n)) for n in range(200)]).encode()

    assert told(walk(quiet=QUIET, stride=4)) == told(walk(quiet=QUIET, stride=4))
    assert told(walk()) != told(walk(seed=8))


def test_what_a_symbol_does_in_a_step_does_not_depend_on_who_else_is_listed():
    alone = Walk(BOOK[:1], seed=7, step_deviation=Decimal("0.001"), trading=lambda at: True)
    among = walk(quiet=QUIET, stride=3)
    for n in range(50):
        at = NOON + timedelta(seconds=n)
        mine = [tick for tick in among.due(at) if tick.symbol == "AAA"]
        assert mine == alone.due(at)


def test_a_restart_in_the_middle_of_the_quiet_ones_turns_changes_nothing():
    whole, first = walk(quiet=QUIET, stride=4), walk(quiet=QUIET, stride=4)
    expected = [whole.due(NOON) for _ in range(40)]
    begun = [first.due(NOON) for _ in range(18)]
    second = walk(quiet=QUIET, stride=4, mids=dict(first.mids), step=first.step)
    assert begun + [second.due(NOON) for _ in range(22)] == expected


def test_quiet_symbols_move_once_in_a_stride_by_as_much_as_the_others_in_all_of_it():
    stride = 10
    source = walk(quiet=QUIET, stride=stride)
    quotes = [t for n in range(stride) for t in source.due(NOON) if isinstance(t, Quote)]
    told = [quote.symbol for quote in quotes]
    assert all(told.count(listing.symbol) == 1 for listing in QUIET)
    assert told.count("AAA") == stride
    lively, quiet = moves(source, "AAA", 3_000, every=stride), moves(source, "QA", 3_000, stride)
    assert pstdev(quiet) == pytest.approx(pstdev(lively), rel=0.2)
    assert correlation(lively, quiet) > 0.4


def moves(source: Walk, symbol: str, steps: int, every: int = 1) -> list[float]:
    """The same steps for every symbol asked: the walk is copied, not used up."""
    twin = walk(quiet=QUIET, stride=10, mids=dict(source.mids), step=source.step)
    mids = [twin.mids[symbol]]
    for n in range(1, steps + 1):
        twin.due(NOON)
        if n % every == 0:
            mids.append(twin.mids[symbol])
    return [float(after / before - 1) for before, after in pairwise(mids)]


def test_symbols_of_one_sector_move_together_more_than_those_of_two():
    source = walk()
    a, b, c = (moves(source, symbol, 4_000) for symbol in ("AAA", "BBB", "CCC"))
    assert MARKET_PART + SECTOR_PART + OWN_PART == 100
    assert correlation(a, b) == pytest.approx((MARKET_PART + SECTOR_PART) / 100, abs=0.05)
    assert correlation(a, c) == pytest.approx(MARKET_PART / 100, abs=0.05)
    assert correlation(a, b) > correlation(a, c) + 0.15


def test_the_deviation_of_a_step_is_what_was_asked_for():
    factor = moment_of(NOON).volatility
    assert pstdev(moves(walk(), "AAA", 4_000)) == pytest.approx(0.001 * float(factor), rel=0.05)


def test_the_profile_is_a_u_whose_volume_is_one_day():
    assert sum(VOLUME) == 1000
    assert min(VOLUME) in VOLUME[4:9]
    assert VOLUME[0] > 2 * VOLUME[6] < VOLUME[-1]
    assert sum(v * v for v in VOLATILITY) / PARTS == pytest.approx(100**2, rel=0.01)


@pytest.mark.parametrize("session", [SESSION, HALF_DAY])
def test_a_day_trades_its_average_volume_in_a_u_also_a_half_day(session):
    length = session.closes - session.opens
    step = Decimal(30)
    source = walk(seconds=step)
    parts = [0] * PARTS
    at = session.opens
    while at < session.closes:
        for tick in source.due(at):
            if isinstance(tick, Trade):
                parts[PARTS * (at - session.opens) // length] += tick.size
        at += timedelta(seconds=int(step))
    traded = sum(parts)
    assert traded == pytest.approx(sum(listing.adv for listing in BOOK), rel=0.15)
    middle = sum(parts[5:8]) / 3
    assert parts[0] > 1.5 * middle < parts[-1]


def test_volume_and_displayed_sizes_follow_the_listings_adv():
    busy, idle = listed("BUSY", adv=50_000_000), listed("IDLE", adv=300_000)
    source = Walk([busy, idle], seed=1, step_deviation=Decimal("0.001"), trading=lambda at: True)
    ticks = [t for n in range(5_000) for t in source.due(NOON + timedelta(seconds=n))]
    volume, shown = {"BUSY": 0, "IDLE": 0}, {"BUSY": 0, "IDLE": 0}
    for tick in ticks:
        if isinstance(tick, Trade):
            volume[tick.symbol] += tick.size
        else:
            shown[tick.symbol] += tick.bid_size
    assert volume["BUSY"] / volume["IDLE"] == pytest.approx(50_000_000 / 300_000, rel=0.35)
    assert shown["BUSY"] > 5 * shown["IDLE"]


def test_spreads_are_three_times_as_wide_at_the_open_and_settled_after_half_an_hour():
    wide = listed("WIDE", spread_bps=Decimal(20))
    spreads = []
    for minutes in (0, 15, 30, 200):
        source = Walk([wide], seed=1, step_deviation=Decimal("1e-9"), trading=lambda at: True)
        quote = source.due(SESSION.opens + timedelta(minutes=minutes))[0]
        assert isinstance(quote, Quote)
        spreads.append(quote.ask - quote.bid)
    assert spreads == [Decimal("0.60"), Decimal("0.40"), Decimal("0.20"), Decimal("0.20")]


def test_outside_the_regular_session_quotes_are_wide_and_nothing_is_printed():
    source = walk()
    evening = SESSION.closes + timedelta(hours=2)
    ticks = [t for n in range(500) for t in source.due(evening + timedelta(seconds=n))]
    assert {type(tick) for tick in ticks} == {Quote}


def test_a_jump_moves_the_walk_itself_and_is_in_what_a_restart_gets():
    source = walk()
    source.due(NOON)
    before = dict(source.mids)
    source.jump("AAA", Decimal("0.8"))
    source.jump("NOBODY", Decimal(2))
    assert source.mids == before | {
        "AAA": (before["AAA"] * Decimal("0.8")).quantize(Decimal("1e-8"))
    }
    again = walk(mids=dict(source.mids), step=source.step)
    assert again.due(NOON) == source.due(NOON)
