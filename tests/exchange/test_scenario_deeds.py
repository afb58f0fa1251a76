"""What scenarios do to market, accounts, session and the back office, over real HTTP."""

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from services.exchange.clock import OpenClock, StartedClock
from services.exchange.scenarios.reading import Scenario, ScenarioError, step_of

SELL = {"symbol": "NEM", "qty": "10", "side": "sell", "type": "market", "time_in_force": "day"}


@pytest.fixture
def troubled(serve):
    async def start(*tables: dict[str, Any], **options: Any) -> Any:
        steps = tuple(step_of(table) for table in tables)
        return await serve(scenarios=(Scenario("mine", "x.", steps),), **options)

    return start


def ledger(served: Any) -> Any:
    return served.opened.exchange.venue.floor.ledger


async def settled(served: Any) -> None:
    """Let scheduled steps of no delay run, with a tick between."""
    for _ in range(10):
        served.opened.turn()
        await asyncio.sleep(0)


async def test_a_dividend_is_paid_to_who_holds(troubled):
    served = await troubled({"do": "dividend", "symbol": "NEM", "per_share": 2})
    assert ledger(served).accounts["main"].cash == 2500 + 150 * 2
    _, entries, _ = await served.call("GET", "/v2/account/activities/DIV")
    assert (entries[0]["symbol"], entries[0]["net_amount"]) == ("NEM", "300")


@pytest.mark.parametrize("to", ["blocked", "suspend_trade", "liquidation_only", "no_shorting"])
async def test_a_restriction_shows_and_ends(troubled, to):
    served = await troubled({"do": "restrict", "to": to, "when": {"after": 5, "lasts": 5}})

    def restricted() -> Any:
        account = ledger(served).accounts["main"]
        return {
            "blocked": account.account_blocked and account.trading_blocked,
            "suspend_trade": account.configuration.suspend_trade,
            "liquidation_only": account.liquidation_only,
            "no_shorting": account.configuration.no_shorting,
        }[to]

    seen = []
    for _ in range(3):
        seen.append(restricted())
        served.clock.pass_(seconds=5)
        served.opened.turn()
    assert seen == [False, True, False]


async def test_the_other_account_is_spared(troubled):
    served = await troubled({"do": "restrict", "to": "blocked", "account": "main"})
    assert ledger(served).accounts["main"].account_blocked
    with pytest.raises(ScenarioError, match="no account other"):
        await troubled({"do": "restrict", "to": "blocked", "account": "other"})


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"do": "halt", "symbol": "NONE"}, "no symbol NONE"),
        ({"do": "drop", "when": {"symbol": "NONE"}}, "no symbol NONE"),
        ({"do": "drop", "when": {"account": "other"}}, "no account other"),
        ({"do": "mute_stream", "account": "other"}, "no account other"),
        ({"do": "halt", "symbol": "AAPL260320C00250000"}, "moves with its underlying"),
    ],
)
async def test_what_is_not_on_this_exchange_is_refused(troubled, table, said):
    with pytest.raises(ScenarioError, match=said):
        await troubled(table)


async def test_a_deed_without_a_symbol_is_about_that_of_the_order_it_waited_for(troubled):
    served = await troubled({"do": "halt", "when": {"order": 1}})
    await served.call("POST", "/v2/orders", SELL)
    boards = served.opened.exchange.market.boards
    assert [symbol for symbol, board in boards.items() if board.halted] == ["NEM"]


async def test_a_halted_symbol_trades_again_after_resume(troubled):
    served = await troubled(
        {"do": "halt", "symbol": "NEM"}, {"do": "resume", "symbol": "NEM", "when": {"after": 5}}
    )
    served.opened.turn()
    assert served.opened.exchange.market.boards["NEM"].halted
    served.clock.pass_(seconds=5)
    served.opened.turn()
    assert not served.opened.exchange.market.boards["NEM"].halted


async def test_a_jump_is_of_its_symbol_alone(troubled):
    served = await troubled({"do": "jump", "symbol": "NEM", "percent": 25})
    served.opened.turn()
    boards = served.opened.exchange.market.boards
    assert abs(boards["NEM"].quote.ask - 100) < Decimal("0.1")
    assert abs(boards["AA"].quote.ask - 40) < Decimal("0.1")


async def test_the_last_trade_is_corrected_or_cancelled_on_the_stream(troubled):
    served = await troubled(
        {"do": "correct", "symbol": "NEM", "percent": -1, "when": {"after": 5}},
        {"do": "bust", "symbol": "AA", "when": {"after": 5}},
    )
    socket = await served.client.ws_connect("/v2/iex")
    await socket.send_json({"action": "auth", "key": served.key, "secret": served.secret})
    await socket.send_json({"action": "subscribe", "trades": ["NEM", "AA"]})
    for _ in range(3):
        await socket.receive(5)
    served.clock.pass_(seconds=5)
    served.opened.turn()
    heard: dict[str, Any] = {}
    while not {"c", "x"} <= set(heard):
        for item in await socket.receive_json(timeout=5):
            heard[item["T"]] = item
    assert (heard["c"]["S"], heard["c"]["op"], heard["c"]["cp"]) == ("NEM", 80.0, 79.2)
    assert (heard["x"]["S"], heard["x"]["p"]) == ("AA", 40.0)


async def test_the_session_closes_at_once_and_day_orders_with_it(troubled):
    served = await troubled({"do": "close_session", "when": {"after": 5}})
    rest = {**SELL, "type": "limit", "limit_price": "99"}
    _, order, _ = await served.call("POST", "/v2/orders", rest)
    await settled(served)
    served.clock.pass_(seconds=5)
    served.opened.turn()
    _, clock, _ = await served.call("GET", "/v2/clock")
    assert (clock["is_open"], clock["timestamp"]) == (False, "2026-03-03T16:00:00-05:00")
    await settled(served)
    assert ledger(served).orders[order["id"]].status in ("expired", "canceled")


async def test_the_clock_goes_forward(troubled):
    served = await troubled({"do": "forward", "seconds": 3600})
    assert served.clock.at.hour == 18


@pytest.mark.parametrize(("seconds", "status"), [(600, "pending_new"), (0.01, "filled")])
async def test_an_acknowledgement_takes_its_time(troubled, seconds, status):
    served = await troubled({"do": "slow_acknowledge", "seconds": seconds})
    _, order, _ = await served.call("POST", "/v2/orders", SELL)
    await settled(served)
    while ledger(served).orders[order["id"]].status != status:
        await asyncio.sleep(0.01)


@pytest.mark.parametrize(("seconds", "status"), [(600, "pending_replace"), (0.01, "replaced")])
async def test_a_replace_takes_its_time(troubled, seconds, status):
    served = await troubled({"do": "replace_stuck", "seconds": seconds})
    rest = {**SELL, "type": "limit", "limit_price": "99"}
    _, old, _ = await served.call("POST", "/v2/orders", rest)
    await settled(served)
    changed, _, _ = await served.call("PATCH", f"/v2/orders/{old['id']}", {"limit_price": "98"})
    assert changed == 200
    await settled(served)
    while ledger(served).orders[old["id"]].status != status:
        await asyncio.sleep(0.01)


async def test_a_bracket_is_one_order_to_its_faults(troubled):
    served = await troubled({"do": "venue_reject", "when": {"order": 1}})
    bracket = {
        **SELL,
        "symbol": "NVDA",
        "side": "buy",
        "qty": "1",
        "order_class": "bracket",
        "take_profit": {"limit_price": "200"},
        "stop_loss": {"stop_price": "150"},
    }
    _, order, _ = await served.call("POST", "/v2/orders", bracket)
    _, other, _ = await served.call("POST", "/v2/orders", SELL)
    await settled(served)
    assert ledger(served).orders[order["id"]].status == "rejected"
    assert ledger(served).orders[other["id"]].status == "filled"


@pytest.mark.parametrize("kind", [StartedClock, OpenClock])
def test_a_clock_set_forward_goes_on_from_there_and_never_back(kind):
    true = [0.0]
    start = datetime(2026, 3, 3, 16, 0, tzinfo=UTC)
    clock = kind(start, 2.0, lambda: true[0])
    clock.forward(start + timedelta(hours=1))
    assert clock.now() == start + timedelta(hours=1)
    true[0] += 10
    assert clock.now() == start + timedelta(hours=1, seconds=20)
    clock.forward(start)
    assert clock.now() == start + timedelta(hours=1, seconds=20)
