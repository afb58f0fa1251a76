"""What is halted, what may trade again, and what nobody knows (spec 3, halted_symbol)."""

from datetime import UTC, datetime, timedelta

import pytest

from db.model.market import TradingStatus
from services.market.halts import Halts

NOON = datetime(2026, 3, 3, 17, tzinfo=UTC)


def told(*words: str) -> Halts:
    """`AAA H`, `lost`, `connected`; the last is without halts when it is `quotes`."""
    halts = Halts()
    for n, text in enumerate(words):
        if text in ("lost", "quotes"):
            halts.connected(told=False)
        elif text == "connected":
            halts.connected(told=True)
        else:
            symbol, code = text.split()
            at = NOON + timedelta(minutes=n)
            halts.hear(
                TradingStatus(symbol=symbol, code=code, message="Halt", reason="news", at=at)
            )
    return halts


# told, halted, halted before, whether halts are told
TABLE: list[tuple[tuple[str, ...], str, str, bool]] = [
    ((), "", "", False),
    (("connected",), "", "", True),
    (("connected", "AAA H"), "AAA", "", True),
    (("connected", "AAA P", "BBB 2"), "AAA BBB", "", True),  # a pause; tapes A and B
    (("connected", "AAA H", "AAA T"), "", "", True),
    (("connected", "AAA 2", "AAA 3"), "", "", True),
    (("connected", "AAA H", "AAA Q"), "AAA", "", True),  # quotes are back, trading is not
    (("connected", "AAA E"), "", "", True),  # a short sale restriction is no halt
    (("connected", "AAA H", "AAA F"), "AAA", "", True),
    (("connected", "AAA H", "lost"), "", "AAA", False),
    (("connected", "AAA H", "lost", "connected"), "", "AAA", True),
    (("connected", "AAA H", "lost", "connected", "AAA T"), "", "", True),
    (("connected", "AAA H", "lost", "connected", "AAA H"), "AAA", "", True),
    (("connected", "AAA H", "BBB H", "lost", "connected", "BBB T"), "", "AAA", True),
    (("connected", "AAA H", "quotes"), "", "AAA", False),
]


@pytest.mark.parametrize(("words", "halted", "before", "tells"), TABLE)
def test_what_is_halted(words: tuple[str, ...], halted: str, before: str, tells: bool) -> None:
    halts = told(*words)
    assert sorted(halts.halted) == halted.split()
    assert sorted(halts.halted_before(NOON)) == before.split()
    assert halts.told is tells
    assert set(halts.halted.values()) <= {"news"}


def test_what_was_halted_on_another_day_is_not_said_to_be_halted_today() -> None:
    halts = told("connected", "AAA H", "lost")
    assert halts.halted_before(NOON) == {"AAA": "news"}
    assert halts.halted_before(NOON + timedelta(days=1)) == {}
