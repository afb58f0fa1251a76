"""Following a plan: every event once, in order, through lost lines and restarted desks."""

import pytest
from canned_desk import CannedDesk
from canned_plans import Story, event, plan

from console.cli.follow import PAGE, Following
from db.home import Home
from services.desk.client import DeskClient, DeskUnreachable

Json = dict


class Heard:
    def __init__(self) -> None:
        self.events: list[int] = []
        self.talk: list[str] = []

    def following(self, client: DeskClient, patience: float = 30.0) -> Following:
        return Following(
            client, "3f9a", 5, lambda e: self.events.append(e["seq"]), self.talk.append,
            patience=patience,
        )  # fmt: skip


async def test_a_desk_that_restarts_is_waited_for(home: Home) -> None:
    first = CannedDesk(home.socket)
    first.start()
    Story(first, ["selling"]).started = True
    second = CannedDesk(home.socket)
    heard = Heard()

    def restart(_: Json) -> tuple[int, Json]:
        return 200, plan(state="selling")

    first.answers["GET /v1/plans/3f9a"] = restart
    first.answers["GET /v1/events?after=5&limit=500&plan=3f9a"] = (200, [event(6)])
    story = Story(second, ["paused"])
    story.started = True
    story.events = [event(6), event(7)]
    story.looks = 2
    story._offer_events()

    def go_over(said: str) -> None:
        heard.talk.append(said)
        if "Waiting" in said:
            second.start()

    async with DeskClient(home.socket) as client:
        following = heard.following(client)
        following._talk = go_over
        shown = following._show

        def show(found: Json) -> None:
            shown(found)
            if found["seq"] == 6:
                first.stop()

        following._show = show
        ended = await following.to_the_end()
    second.stop()
    assert ended["state"] == "paused"
    assert heard.events[:2] == [6, 7]
    assert heard.events == sorted(set(heard.events))
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
