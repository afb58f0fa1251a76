"""What the state file gives back, and which one it refuses."""

import sqlite3
from contextlib import closing
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from exchange_world import World

from services.exchange.engine.orders import Side
from services.exchange.opening import open_exchange
from services.exchange.request_log import RequestLog
from services.exchange.settings import Settings
from services.exchange.store import VERSION, StateError, Store


def world_with_everything() -> World:
    world = World(cash="100000", multiplier="2")
    world.submit("buy", "10", symbol="ABC", order_class="")
    world.submit("sell", "10", type="stop", stop_price=Decimal(45))
    world.submit("buy", "1", symbol="XYZ260306C00050000")
    world.settle()
    world.venue.dividend("XYZ", Decimal("0.123"))
    world.venue.split("ABC", 2, 1)
    world.venue.outside_trade("main", "XYZ", Side.SELL, Decimal(5))
    world.venue.change_account("main", liquidation_only=True, cash=Decimal(5))
    return world


async def test_a_state_gives_back_every_record_as_it_was_put(tmp_path):
    world, path = world_with_everything(), tmp_path / "state.db"
    store, kept = Store(path), world.kept
    for name, value in kept.facts.items():
        store.put_fact(name, value)
    for account in kept.accounts:
        store.put_account(account)
    for position in kept.positions:
        store.put_position(position)
    for order in kept.orders:
        store.put_order(order)
    for activity in kept.activities:
        store.put_activity(activity)
    await store.close()
    again = Store(path)
    assert {account.name: account for account in again.accounts()} == world.ledger.accounts
    assert again.positions() == list(world.ledger.positions.values())
    assert again.orders() == list(world.ledger.orders.values())
    assert again.activities() == world.ledger.journal
    assert again.fact("ids") == str(world.venue.floor.ids.counter)
    kinds = {activity.kind for activity in again.activities()}
    assert kinds == {"FILL", "DIV", "SPLIT", "JNLC"}
    await again.close()


async def test_a_state_of_another_version_is_refused_in_one_sentence(tmp_path):
    path = tmp_path / "old.db"
    store = Store(path)
    open_exchange(Settings(state=path), store, RequestLog(None))
    await store.close()
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("UPDATE facts SET value = '1' WHERE name = 'version'")
    old = Store(path)
    with pytest.raises(StateError, match=f"is of version 1, not {VERSION}"):
        open_exchange(Settings(state=path), old, RequestLog(None))
    await old.close()


def test_an_entry_says_what_moved():
    world = World()
    world.clock.at = datetime(2026, 3, 4, 2, 0, tzinfo=UTC)  # still the third in New York
    world.venue.dividend("XYZ", Decimal("0.5"))
    (entry,) = world.ledger.activities("main")
    wire = entry.as_wire()
    assert entry.date == date(2026, 3, 3)
    assert wire.pop("id").startswith("20260303210000000::")
    assert wire == {
        "activity_type": "DIV",
        "date": "2026-03-03",
        "created_at": "2026-03-04T02:00:00Z",
        "net_amount": "50",
        "description": "",
        "status": "executed",
        "symbol": "XYZ",
        "qty": "100",
        "per_share_amount": "0.5",
    }
