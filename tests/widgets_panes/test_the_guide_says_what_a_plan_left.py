"""When a plan has ended the guide says how far it is off and which sale is offered (spec 5)."""

import pytest

from console.screens.remedies import left_missed
from widgets.guide import hint


@pytest.mark.parametrize(
    ("found", "said", "offered"),
    [
        (None, "", False),
        ({"judgement": "acceptable", "offer": None}, "", False),
        ({"judgement": "escalate", "offer": None}, "off its projection: escalate", False),
        ({"judgement": "acceptable", "offer": "trim"}, "a limit does not hold: trim it", True),
        (
            {"judgement": "escalate", "offer": "rollback"},
            "a limit does not hold: roll it back",
            True,
        ),
    ],
)
def test_what_is_left(found: dict[str, object] | None, said: str, offered: bool) -> None:
    document = {"plan_id": "3f9a", "state": "done", "post_trade": found}
    assert hint(document) == said
    assert left_missed(document) is offered
