"""`escalate` and `exception`: who is asked, who answers, until when; and what `run`, `status` and
`plan show` make of it."""

import getpass
import json

import pytest
from answering_desk import CannedDesk
from canned_plans import CARD, ROW, STATUS, plan
from plan_makers import make_escalation

from db.model.escalation import Outcome

ASKED = make_escalation()
GRANTED = make_escalation(
    outcome=Outcome.GRANTED, approver="Jane Roe", reason="it is time", number=1, of=2
)


def test_somebody_is_asked_by_name(quarterdeck, canned: CannedDesk) -> None:
    answer = plan("BLOCKED", "escalated", escalations=[ASKED.to_json()])
    canned.answers["POST /v1/plans/3f9a/escalate"] = (200, answer)
    done = quarterdeck("escalate", "3f9a", "--to", "Jane Roe")
    assert canned.bodies("POST /v1/plans/3f9a/escalate") == [
        {"to": "Jane Roe", "by": getpass.getuser()}
    ]
    assert (done.code, done.err) == (0, "Plan 3f9a is escalated.\n")
    assert "ana asks Jane Roe until 2026-01-05T17:30:00Z: Approve an exception" in done.out
    assert "BLOCK position_cap: CCC would weigh 16.0%" in done.out
    assert "(covered: after ≤ 0.161)" in done.out
    whole = quarterdeck("escalate", "3f9a", "--to", "Jane Roe", "--by", "bob", "--json")
    assert json.loads(whole.out) == ASKED.to_json()
    assert canned.bodies("POST /v1/plans/3f9a/escalate")[-1]["by"] == "bob"


@pytest.mark.parametrize("answer", ["grant", "refuse"])
def test_the_answer_has_a_name_and_a_reason(quarterdeck, canned: CannedDesk, answer: str) -> None:
    told = plan("BLOCKED", "checked", escalations=[GRANTED.to_json()])
    canned.answers["POST /v1/plans/3f9a/exception"] = (200, told)
    given = ("exception", "3f9a", answer, "--by", "Jane Roe", "--reason", "it is time")
    done = quarterdeck(*given)
    assert canned.bodies("POST /v1/plans/3f9a/exception") == [
        {"answer": answer, "by": "Jane Roe", "reason": "it is time"}
    ]
    assert done.code == 0
    assert "granted by Jane Roe: it is time (exception 1 of 2 today)" in done.out
    for missing in (given[:3], given[:5], (*given[:3], *given[5:]), ("exception", "3f9a", "maybe", *given[3:])):  # fmt: skip
        assert quarterdeck(*missing).code == 2
    assert len(canned.bodies("POST /v1/plans/3f9a/exception")) == 1


def test_what_the_desk_refuses_is_said(quarterdeck, canned: CannedDesk) -> None:
    said = "tradable can't be excepted by anybody: CCC can't be traded."
    canned.answers["POST /v1/plans/3f9a/escalate"] = (409, {"error": said})
    done = quarterdeck("escalate", "3f9a", "--to", "Jane Roe")
    assert (done.code, done.out) == (2, "")
    assert said in done.err


def test_a_blocked_plan_with_an_exception_gets_its_card(quarterdeck, canned: CannedDesk) -> None:
    """What the exception does not cover the card says: the desk refuses it by itself."""
    blocked = plan("BLOCKED", escalations=[GRANTED.to_json()])
    canned.answers |= {
        "GET /v1/plans/3f9a": (200, blocked),
        "GET /v1/snapshot": (200, {"journal_seq": 5, "plans": {"3f9a": ROW}}),
        "POST /v1/plans/3f9a/card": (200, {**CARD, "exceptions": [GRANTED.words], "caveats": ["90 min old."]}),
        "POST /v1/plans/3f9a/approve": (409, {"error": "The plan is BLOCKED: something else."}),
    }  # fmt: skip
    done = quarterdeck("run", "3f9a", "--yes")
    assert done.code == 2
    assert "Exception 1 of 2 today: position_cap (CCC), by Jane Roe: it is time." in done.err
    assert "NOTE  90 min old." in done.err
    assert "The plan is BLOCKED: something else." in done.err
    void = make_escalation(outcome=Outcome.VOID)
    canned.answers["GET /v1/plans/3f9a"] = (200, plan("BLOCKED", escalations=[void.to_json()]))
    assert quarterdeck("run", "3f9a", "--yes").code == 20


def test_a_stale_portfolio_is_acknowledged_in_words(quarterdeck, canned: CannedDesk) -> None:
    canned.answers |= {
        "GET /v1/plans/3f9a": (200, plan()),
        "POST /v1/plans/3f9a/card": (200, {**CARD, "acknowledge": "It is 150 min old. Type why."}),
        "POST /v1/plans/3f9a/approve": (200, plan(state="approved")),
    }
    assert "It is 150 min old. Type why." in quarterdeck("approve", "3f9a").out
    given = ("approve", "3f9a", "--token", "K7QX")
    assert quarterdeck(*given, "--acknowledge", "I called them").code == 0
    assert quarterdeck(*given).code == 0
    said, unsaid = canned.bodies("POST /v1/plans/3f9a/approve")
    assert said["acknowledged"] == "I called them"
    assert "acknowledged" not in unsaid


def test_the_deadline_counts_down_where_plans_are_listed(quarterdeck, canned: CannedDesk) -> None:
    row = ROW | {
        "state": "escalated",
        "escalated_to": "Jane Roe",
        "deadline": "2013-10-08T14:42:09Z",
    }
    status = STATUS | {"plans": [row], "at": "2013-10-08T14:30:00Z"}
    canned.answers["GET /v1/status"] = (200, status)
    assert "; Jane Roe has 12:09 left to grant an exception" in quarterdeck("status").out
    canned.answers["GET /v1/plans/3f9a"] = (200, plan("BLOCKED", escalations=[ASKED.to_json()]))
    assert "ana asks Jane Roe" in quarterdeck("plan", "show", "3f9a").out
