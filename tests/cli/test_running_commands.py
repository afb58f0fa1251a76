"""Running a plan from the command line: approved by its token, followed to its end."""

import json

import pytest
from answering_desk import CannedDesk
from canned_plans import Story, event, plan

from console.cli.text import event_line

ENDS = {
    "done": 0,
    "done_with_exceptions": 10,
    "aborted": 20,
    "halted": 20,
    "paused": 20,
    "expired": 20,
    "some new state": 20,
}


@pytest.mark.parametrize(("end", "code"), ENDS.items())
def test_the_exit_code_is_how_it_ended(
    quarterdeck, canned: CannedDesk, end: str, code: int
) -> None:
    Story(canned, ["selling", end])
    done = quarterdeck("run", "3f9a", "--mode", "auto", "--yes")
    assert done.code == code
    assert f"Plan 3f9a is {end}: a reason" in done.err


def test_it_is_approved_by_the_cards_token_and_hash_before_it_runs(
    quarterdeck, canned: CannedDesk
) -> None:
    Story(canned, ["done"])
    done = quarterdeck("run", "3f9a", "--mode", "auto", "--yes")
    posted = [path for method, path, _ in canned.asked if method == "POST"]
    assert posted == [f"/v1/plans/3f9a/{name}" for name in ("card", "approve", "run")]
    (body,) = canned.bodies("POST /v1/plans/3f9a/approve")
    assert (body["token"], body["hash"], body["mode"]) == ("K7QX", "cafe", "auto")
    assert "Token K7QX" in done.err, "the card is talk, not data"


def test_every_event_is_a_line_once_and_in_order(quarterdeck, canned: CannedDesk) -> None:
    Story(canned, ["selling", "settling", "buying", "done"])
    done = quarterdeck("run", "3f9a", "--yes", "--json")
    events = [json.loads(line) for line in done.out.splitlines()]
    assert [event["seq"] for event in events] == [6, 7, 8, 9]
    assert all(event["plan_id"] == "3f9a" for event in events)


def test_events_for_people_are_a_line_each(quarterdeck, canned: CannedDesk) -> None:
    Story(canned, ["done"])
    done = quarterdeck("run", "3f9a", "--yes")
    assert done.out == ("14:30:01 #6 PlanAdvanced step 1 NEM qd-3f9a-s01-c1-a1 to=done\n")


def test_the_line_of_a_fill_says_how_much_at_what_price() -> None:
    fill = {"execution_id": "e1", "qty": "150", "price": "80.03"}
    assert event_line(event(7, "FillReceived", fill=fill)).endswith(" qty=150 price=80.03")


def test_updates_that_break_off_lose_no_event(quarterdeck, canned: CannedDesk) -> None:
    canned.drop_updates = True
    Story(canned, ["selling", "buying", "done"])
    done = quarterdeck("run", "3f9a", "--yes", "--json")
    assert (done.code, done.out.count("\n")) == (0, 3)


@pytest.mark.parametrize("mode", ["phase", "step"])
def test_with_yes_it_confirms_phases_and_steps_itself(
    quarterdeck, canned: CannedDesk, mode: str
) -> None:
    story = Story(canned, ["selling", "buying", "done"], mode)
    refusals = iter([(200, plan(state="selling")), (409, {"error": "No step waits."})])
    canned.answers["POST /v1/plans/3f9a/next"] = lambda _: next(refusals)
    assert quarterdeck("run", "3f9a", "--mode", mode, "--yes").code == 0
    assert story.looks == 3
    assert len(canned.bodies("POST /v1/plans/3f9a/next")) == 2


def test_auto_mode_confirms_nothing(quarterdeck, canned: CannedDesk) -> None:
    Story(canned, ["selling", "done"])
    quarterdeck("run", "3f9a", "--mode", "auto", "--yes")
    assert canned.bodies("POST /v1/plans/3f9a/next") == []


def test_a_blocked_plan_is_never_approved(quarterdeck, canned: CannedDesk) -> None:
    canned.answers["GET /v1/plans/3f9a"] = (200, plan("BLOCKED"))
    done = quarterdeck("run", "3f9a", "--yes")
    assert done.code == 20
    assert all(method == "GET" for method, _, _ in canned.asked)


def test_nobody_there_to_type_and_no_yes_is_refused(
    quarterdeck, canned: CannedDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    import io
    import sys

    monkeypatch.setattr(sys, "stdin", io.StringIO("K7QX\n"))
    Story(canned, ["done"])
    done = quarterdeck("run", "3f9a", "--mode", "auto")
    assert done.code == 2
    assert "--yes" in done.err
    assert all(method == "GET" for method, _, _ in canned.asked)


def test_a_refused_approval_runs_nothing(quarterdeck, canned: CannedDesk) -> None:
    Story(canned, ["done"])
    canned.answers["POST /v1/plans/3f9a/approve"] = (409, {"error": "NEM moved too far."})
    done = quarterdeck("run", "3f9a", "--yes")
    assert (done.code, done.out) == (2, "")
    assert "NEM moved too far." in done.err
    assert canned.bodies("POST /v1/plans/3f9a/run") == []


def test_an_approved_plan_runs_in_the_mode_it_was_approved_for(
    quarterdeck, canned: CannedDesk
) -> None:
    story = Story(canned, ["done"])
    story.approved = True
    states = iter([plan(state="approved", mode="auto"), plan(state="done", mode="auto")])
    canned.answers["GET /v1/plans/3f9a"] = lambda _: (200, next(states))
    assert quarterdeck("run", "3f9a").code == 0
    assert canned.bodies("POST /v1/plans/3f9a/card") == []
    approved = plan(state="approved", approval={"mode": "step"})
    canned.answers["GET /v1/plans/3f9a"] = (200, approved)
    done = quarterdeck("run", "3f9a", "--mode", "auto")
    assert done.code == 2
    assert "approved for step mode" in done.err


def test_continue_goes_on_with_the_one_that_waits(quarterdeck, canned: CannedDesk) -> None:
    Story(canned, ["buying", "done"])
    rows = {"3f9a": {"state": "paused"}, "aaaa": {"state": "done"}, "bbbb": {"state": "checked"}}
    canned.answers["GET /v1/snapshot"] = (200, {"journal_seq": 5, "plans": rows})
    assert quarterdeck("continue").code == 0
    rows["cccc"] = {"state": "halted"}
    canned.answers["GET /v1/snapshot"] = (200, {"journal_seq": 5, "plans": rows})
    done = quarterdeck("continue")
    assert done.code == 2
    assert "3f9a, cccc" in done.err
    canned.answers["GET /v1/snapshot"] = (200, {"journal_seq": 5, "plans": {}})
    assert quarterdeck("continue").code == 2
