"""Following a plan: every event once, in order, through lost lines and restarted desks."""

from collections.abc import Callable

import pytest
from answering_desk import CannedDesk
from canned_plans import event, plan

from console.cli.follow import PAGE, Following
from db.home import Home
from services.desk.client import DeskClient, DeskUnreachable

Json = dict


class Heard:
    """What following showed and said; either may be given something more to do."""

    def __init__(self, also: Callable[[object], None] = lambda _: None) -> None:
        self.events: list[int] = []
        self.talk: list[str] = []
        self._also = also

    def show(self, found: Json) -> None:
        self.events.append(found["seq"])
        self._also(found["seq"])

    def say(self, sentence: str) -> None:
        self.talk.append(sentence)
        self._also(sentence)

    def following(self, client: DeskClient, patience: float = 30.0) -> Following:
        return Following(client, "3f9a", 5, self.show, self.say, patience=patience)


async def test_a_desk_that_restarts_is_waited_for(home: Home) -> None:
    first, second = CannedDesk(home.socket), CannedDesk(home.socket)
    first.answers["GET /v1/plans/3f9a"] = (200, plan(state="selling"))
    first.answers["GET /v1/events?after=5&limit=500&plan=3f9a"] = (200, [event(6)])
    second.answers["GET /v1/plans/3f9a"] = (200, plan(state="paused"))
    second.answers["GET /v1/events?after=6&limit=500&plan=3f9a"] = (200, [event(7), event(8)])

    def play(happened: object) -> None:
        if happened == 6:
            first.stop()
        elif "Waiting" in str(happened):
            second.start()

    heard = Heard(play)
    first.start()
    async with DeskClient(home.socket) as client:
        ended = await heard.following(client).to_the_end()
    second.stop()
    assert ended["state"] == "paused"
    assert heard.events == [6, 7, 8]
    assert "answers again" in heard.talk[-1]


async def test_a_desk_that_stays_away_is_given_up(home: Home) -> None:
    heard = Heard()
    async with DeskClient(home.socket) as client:
        with pytest.raises(DeskUnreachable):
            await heard.following(client, patience=0.0).to_the_end()
    assert len(heard.talk) <= 1, "the loss is said once"


async def test_more_events_than_a_page_are_all_shown(home: Home) -> None:
    desk = CannedDesk(home.socket)
    desk.start()
    desk.answers["GET /v1/plans/3f9a"] = (200, plan(state="done"))
    events = [event(seq) for seq in range(6, 6 + PAGE + 3)]
    path = "GET /v1/events?after={}&limit=500&plan=3f9a"
    desk.answers[path.format(5)] = (200, events[:PAGE])
    desk.answers[path.format(5 + PAGE)] = (200, events[PAGE:])
    heard = Heard()
    async with DeskClient(home.socket) as client:
        await heard.following(client).to_the_end()
    desk.stop()
    assert heard.events == [e["seq"] for e in events]
