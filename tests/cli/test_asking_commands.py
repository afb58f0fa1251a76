"""Commands that ask: data on stdout, talk on stderr, one exit code each."""

import json
from pathlib import Path

import pytest
from answering_desk import CannedDesk
from canned_plans import CARD, POSITION, ROW, STATUS, plan

from console.cli.text import price
from db.home import Home
from services.desk.latch import latched, set_latch

ORDER = {
    "client_order_id": "qd-1", "plan_id": None, "step": None, "account": "main", "symbol": "NEM",
    "side": "sell", "qty": "150", "type": "market", "limit_price": None, "state": "filled",
    "filled_qty": "150", "filled_avg_price": "79.9", "reason": "", "at": None, "external": False,
}  # fmt: skip
ALERT = {
    "alert_id": "a1", "condition": "stop_hit", "subject": "NEM", "severity": "critical",
    "raised_at": "2013-10-08T14:30:00Z", "sentence": "NEM is under its stop.", "values": {},
    "suggested_action": "", "acknowledged_at": None, "cleared_at": None,
}  # fmt: skip
SIGNAL = {
    "idea": {"id": "s-1", "source": "ema", "direction": "long", "ticker": "NVDA\x1b"},
    "stages": [{"stage": "received", "at": "2013-10-08T14:30:00Z", "what": "in s.json"},
               {"stage": "closed", "at": "2013-10-08T14:40:00Z", "what": "2 left, profit 9.50"}],
    "stage": "closed", "ended": "", "plan_id": "3f9a", "step": 2, "filled_qty": "5",
    "closed_qty": "3", "realized": "9.5",
}  # fmt: skip
STALE = {
    **SIGNAL, "stages": SIGNAL["stages"][:1], "stage": "guarded", "ended": "stale", "plan_id": None,
    "step": None, "realized": None,
}  # fmt: skip
SECTIONS = {"positions": POSITION, "orders": ORDER, "alerts": ALERT}


def test_status_json_is_what_the_desk_says(quarterdeck, canned: CannedDesk) -> None:
    canned.answers["GET /v1/status"] = (200, STATUS)
    done = quarterdeck("status", "--json")
    assert (done.code, done.err) == (0, "")
    assert json.loads(done.out) == STATUS
    promised = {"trading_state", "environment", "account", "plans", "positions", "cash"}
    assert promised | {"reconciled"} <= set(json.loads(done.out))


def test_status_for_people_shows_an_unknown_figure_as_a_dash(
    quarterdeck, canned: CannedDesk
) -> None:
    canned.answers["GET /v1/status"] = (200, STATUS)
    done = quarterdeck("status")
    assert done.code == 0
    assert "SIM account PA1: trading ACTIVE, reconciled, market open" in done.out
    assert "Equity -, cash 2,500.00" in done.out


@pytest.mark.parametrize("section", SECTIONS)
def test_a_section_is_a_list_of_rows(quarterdeck, canned: CannedDesk, section: str) -> None:
    row = SECTIONS[section]
    canned.answers["GET /v1/snapshot"] = (200, {section: {"key": row}})
    assert json.loads(quarterdeck(section, "--json").out) == [row]
    assert "NEM" in quarterdeck(section).out
    canned.answers["GET /v1/snapshot"] = (200, {section: {}})
    assert json.loads(quarterdeck(section, "--json").out) == []
    empty = quarterdeck(section)
    assert (empty.code, empty.out) == (0, "")
    assert section in empty.err


def test_alerts_that_are_over_are_only_shown_when_asked_for(
    quarterdeck, canned: CannedDesk
) -> None:
    over = {**ALERT, "alert_id": "a2", "cleared_at": "2013-10-08T14:31:00Z"}
    canned.answers["GET /v1/snapshot"] = (200, {"alerts": {"a1": ALERT, "a2": over}})
    assert json.loads(quarterdeck("alerts", "--json").out) == [ALERT]
    assert json.loads(quarterdeck("alerts", "--all", "--json").out) == [ALERT, over]


NEED_A_DESK = (
    ("status",),
    ("desk", "status"),
    ("positions", "--json"),
    ("orders",),
    ("alerts",),
    ("unknown",),
    ("look-up", "qd-3f9a-s01-c1-a1"),
    ("plan", "show", "3f9a"),
    ("plan", "list"),
    ("approve", "3f9a"),
    ("next", "3f9a"),
    ("pause", "3f9a"),
    ("abort", "3f9a", "--reason", "r"),
    ("reject", "3f9a", "--reason", "r"),
    ("drop", "3f9a", "1"),
    ("resize", "3f9a", "1", "5"),
    ("retype", "3f9a", "1", "market"),
    ("move", "3f9a", "1", "before", "2"),
    ("undo", "3f9a"),
    ("compare", "3f9a"),
    ("resume", "--reason", "r"),
    ("reconcile",),
    ("portfolio",),
)


@pytest.mark.parametrize("command", NEED_A_DESK, ids=" ".join)
def test_without_a_desk_they_say_so_and_leave_3(quarterdeck, home: Home, command) -> None:
    done = quarterdeck(*command)
    assert (done.code, done.out) == (3, "")
    assert "No desk is running" in done.err


def test_status_without_a_desk_still_tells_of_a_halt(quarterdeck, home: Home) -> None:
    from datetime import UTC, datetime

    set_latch(home, "me", "news", datetime(2013, 10, 8, tzinfo=UTC))
    assert "HALTED (by me: news)" in quarterdeck("status").err


def test_stopping_without_a_desk_is_fine(quarterdeck, home: Home) -> None:
    assert quarterdeck("desk", "stop").code == 0


BAD_USAGE = (
    ("foo",),
    ("status", "--foo"),
    ("--env", "moon", "status"),
    ("status", "--env", "moon"),
    ("run",),
    ("run", "3f9a", "--mode", "fast"),
    ("propose",),
    ("plan",),
    ("plan", "show"),
    ("resume",),
    ("resume", "--reason", "  "),
    ("abort", "3f9a"),
    ("reject", "3f9a"),
    ("drop", "3f9a", "0"),
    ("drop", "3f9a", "x"),
    ("retype", "3f9a", "1"),
    ("retype", "3f9a", "1", "trailing_stop"),
    ("move", "3f9a", "1", "past", "2"),
    ("compare",),
    ("journal", "burn"),
    ("completion", "csh"),
    ("config", "break"),
)


@pytest.mark.parametrize("command", BAD_USAGE, ids=" ".join)
def test_bad_usage_is_a_sentence_and_2(quarterdeck, canned: CannedDesk, command) -> None:
    done = quarterdeck(*command)
    assert (done.code, done.out) == (2, "")
    assert done.err
    assert "Traceback" not in done.err
    assert canned.asked == [], "nothing was asked of the desk"


def test_an_environment_that_is_none_is_named_wherever_it_was_said(
    quarterdeck, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.config.write_text('environment = "moon"')
    assert str(home.config) in quarterdeck("status").err
    monkeypatch.setenv("QUARTERDECK_ENVIRONMENT", "mars")
    done = quarterdeck("status")
    assert done.code == 2
    assert "QUARTERDECK_ENVIRONMENT" in done.err


def test_the_flag_is_over_the_variable_is_over_the_file(
    quarterdeck, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    def chosen(*before: str, after: tuple[str, ...] = ()) -> str:
        rows = json.loads(quarterdeck(*before, "config", "show", "--json", *after).out)
        return next(row["value"] for row in rows if row["key"] == "environment")

    assert chosen() == "sim"
    home.config.write_text('environment = "paper"')
    assert chosen() == "paper"
    monkeypatch.setenv("QUARTERDECK_ENVIRONMENT", "live")
    assert chosen() == "live"
    assert chosen("--env", "sim") == "sim"
    assert chosen(after=("--env", "paper")) == "paper"
    assert chosen("--env", "sim", after=("--env", "paper")) == "paper"


STEERING = {
    ("next", "3f9a"): ("next", {}),
    ("pause", "3f9a"): ("pause", {}),
    ("reprice", "3f9a"): ("reprice", {}),
    ("resubmit", "3f9a"): ("resubmit", {}),
    ("cancel-rest", "3f9a"): ("cancel-rest", {}),
    ("abort", "3f9a", "--reason", "r"): ("abort", {"reason": "r"}),
    ("reject", "3f9a", "--reason", "r"): ("reject", {"reason": "r"}),
    ("drop", "3f9a", "2"): ("drop", {"n": 2}),
    ("slice", "3f9a", "2", "off"): ("slice", {"n": 2, "algorithm": None}),
    ("slice", "3f9a", "2", "pov", "--participation", "0.1", "--every", "30"): (
        "slice",
        {"n": 2, "algorithm": {"name": "pov", "participation": "0.1", "interval_seconds": 30}},
    ),
    ("resize", "3f9a", "2", "10.5"): ("resize", {"n": 2, "qty": "10.5"}),
    ("retype", "3f9a", "2", "market"): ("retype", {"n": 2, "type": "market"}),
    (
        "retype",
        "3f9a",
        "2",
        "stop_limit",
        "--stop",
        "75",
        "--limit",
        "74.5",
        "--time-in-force",
        "gtc",
    ): (
        "retype",
        {
            "n": 2,
            "type": "stop_limit",
            "stop_price": "75",
            "limit_price": "74.5",
            "time_in_force": "gtc",
        },
    ),
    ("move", "3f9a", "2", "before", "1"): ("move", {"n": 2, "before": 1}),
    ("move", "3f9a", "2", "after", "3"): ("move", {"n": 2, "after": 3}),
    ("undo", "3f9a"): ("undo", {}),
}


@pytest.mark.parametrize("command", STEERING, ids=" ".join)
def test_steering_a_plan_is_one_request(quarterdeck, canned: CannedDesk, command) -> None:
    name, body = STEERING[command]
    canned.answers[f"POST /v1/plans/3f9a/{name}"] = (200, plan())
    done = quarterdeck(*command)
    assert (done.code, done.out) == (0, "")
    assert canned.asked == [("POST", f"/v1/plans/3f9a/{name}", body)]


def side(revision: int) -> dict[str, object]:
    return {
        "plan_id": "3f9a", "revision": revision, "created_at": "2013-10-08T14:30:00Z",
        "source": "P|x\x1b.md", "hash": "cafe",
    }  # fmt: skip


DIFFERENCES = [
    {"part": "plan", "about": "", "change": "changed", "what": "verdict", "unit": "words", "was": "SAFE", "now": "BLOCKED", "note": ""},
    {"part": "step", "about": "1 SELL NEM", "change": "changed", "what": "expected price", "unit": "dollars", "was": "1079.5", "now": "80", "note": ""},
    {"part": "finding", "about": "cash_path main", "change": "came", "what": "severity", "unit": "words", "was": None, "now": "block", "note": "Cash [is] low."},
    {"part": "weight", "about": "NEM", "change": "changed", "what": "holding", "unit": "fraction", "was": "0.1234", "now": "0", "note": ""},
]  # fmt: skip


def test_a_comparison_is_markdown_or_json_and_10_when_something_differs(
    quarterdeck, canned: CannedDesk
) -> None:
    answer = {"one": side(1), "other": side(2), "differences": DIFFERENCES}
    for said, asked in (
        (("3f9a",), "one=3f9a@1&other=3f9a"),
        (("3f9a@2",), "one=3f9a@2&other=3f9a"),
        (("3f9a@1", "b0e1@3"), "one=3f9a@1&other=b0e1@3"),
    ):
        canned.answers[f"GET /v1/compare?{asked}"] = (200, answer)
        assert quarterdeck("compare", *said).code == 10
    done = quarterdeck("compare", "3f9a")
    lines = done.out.splitlines()
    assert lines[0] == "# Plan 3f9a@1 → 3f9a@2"
    assert "- 3f9a@1: P\\|x .md, 2013-10-08 14:30:00 UTC, hash cafe" in lines
    assert "| changed | verdict | SAFE | BLOCKED |" in lines
    assert "| 1 SELL NEM | changed | expected price | $1,079.50 | $80.00 |" in lines
    assert "| cash\\_path main | came | severity | – | block | Cash \\[is\\] low. |" in lines
    assert "| NEM | changed | holding | 12.3% | 0.0% |" in lines
    assert json.loads(quarterdeck("compare", "3f9a", "--json").out) == answer
    canned.answers["GET /v1/compare?one=3f9a@1&other=3f9a"] = (200, {**answer, "differences": []})
    done = quarterdeck("compare", "3f9a")
    assert (done.code, done.out.splitlines()[-1]) == (0, "Nothing differs.")


UNKNOWN = {
    "client_order_id": "qd-3f9a-s01-c1-a1", "side": "sell", "symbol": "NEM", "qty": "150",
    "sent_at": "2013-10-08T14:30:00Z", "may": ["look-up", "resend", "give-up"],
    "look_ups": [{"at": "2013-10-08T14:30:02Z", "answer": "not found"}],
}  # fmt: skip


def test_unknown_orders_say_what_was_sent_and_what_came_back(
    quarterdeck, canned: CannedDesk
) -> None:
    canned.answers["GET /v1/unknown"] = (200, [UNKNOWN])
    line = quarterdeck("unknown").out.splitlines()[1]
    for words in ("qd-3f9a-s01-c1-a1", "SELL", "NEM", "14:30:00", "not found", "resend, give-up"):
        assert words in line
    assert json.loads(quarterdeck("unknown", "--json").out) == [UNKNOWN]


@pytest.mark.parametrize("command", ["look-up", "resend", "give-up"])
def test_settling_an_unknown_order_is_one_request(
    quarterdeck, canned: CannedDesk, command: str
) -> None:
    path = f"/v1/orders/qd-3f9a-s01-c1-a1/{command}"
    canned.answers[f"POST {path}"] = (200, [UNKNOWN] if command == "look-up" else [])
    done = quarterdeck(command, "qd-3f9a-s01-c1-a1")
    assert (done.code, done.out) == (0, "")
    assert canned.asked == [("POST", path, {})]
    assert ("not found" in done.err) is (command == "look-up")


def test_what_the_desk_refuses_is_its_sentence_and_2(quarterdeck, canned: CannedDesk) -> None:
    canned.answers["POST /v1/resume"] = (409, {"error": "Two mismatches are open."})
    done = quarterdeck("resume", "--reason", "fine again")
    assert (done.code, done.out) == (2, "")
    assert done.err == "quarterdeck: Two mismatches are open.\n"


def test_reconcile_is_0_when_clean_and_10_when_not(quarterdeck, canned: CannedDesk) -> None:
    mismatch = {
        "kind": "ghost", "account": "main", "subject": "NEM", "symbol": "NEM", "ours": None,
        "broker": "5", "explanation": "Only the broker has it.",
    }  # fmt: skip
    for mismatches, code in ([], 0), ([mismatch], 10):
        answer = {"at": "2013-10-08T14:30:00Z", "mismatches": mismatches}
        canned.answers["POST /v1/reconcile"] = (200, answer)
        assert quarterdeck("reconcile").code == code
        done = quarterdeck("reconcile", "--json")
        assert (done.code, json.loads(done.out)) == (code, answer)


def test_portfolio_prints_its_path(quarterdeck, canned: CannedDesk) -> None:
    canned.answers["POST /v1/portfolio"] = (200, {"path": "/h/PORTFOLIO.md"})
    assert quarterdeck("portfolio").out == "/h/PORTFOLIO.md\n"


def test_plans_are_listed_and_shown(quarterdeck, canned: CannedDesk) -> None:
    canned.answers["GET /v1/plans"] = (200, [ROW])
    canned.answers["GET /v1/plans/3f9a"] = (200, plan())
    assert json.loads(quarterdeck("plan", "list", "--json").out) == [ROW]
    assert "3f9a" in quarterdeck("plan", "list").out
    assert json.loads(quarterdeck("plan", "show", "3f9a", "--json").out) == plan()
    shown = quarterdeck("plan", "show", "3f9a").out
    assert "SELL" in shown
    assert "UNH: small" in shown
    assert "\x1b" not in shown, "outside text never reaches the terminal as a control"


def test_approving_shows_the_card_and_then_takes_its_token(quarterdeck, canned: CannedDesk) -> None:
    canned.answers["POST /v1/plans/3f9a/card"] = (200, CARD)
    assert "Token K7QX" in quarterdeck("approve", "3f9a").out
    assert json.loads(quarterdeck("approve", "3f9a", "--json").out) == CARD
    canned.answers["GET /v1/plans/3f9a"] = (200, plan())
    canned.answers["POST /v1/plans/3f9a/approve"] = (200, plan(state="approved"))
    assert quarterdeck("approve", "3f9a", "--token", "K7QX", "--mode", "auto").code == 0
    (body,) = canned.bodies("POST /v1/plans/3f9a/approve")
    assert (body["token"], body["hash"], body["mode"]) == ("K7QX", "cafe", "auto")


def test_config_show_hides_secrets(
    quarterdeck, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QUARTERDECK_PAPER__SECRET", "hush")
    for json_wanted in ((), ("--json",)):
        done = quarterdeck("config", "show", *json_wanted)
        assert "hush" not in done.out + done.err
        assert "••••" in done.out


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_a_script(quarterdeck, home: Home, shell: str) -> None:
    done = quarterdeck("completion", shell)
    assert done.code == 0
    assert "_QUARTERDECK_COMPLETE" in done.out


def test_no_desk_is_started_for_real_money_without_being_told(
    quarterdeck, home: Home, tmp_path: Path
) -> None:
    directive = tmp_path / "P.md"
    directive.write_text("x")
    for said, missing in (((), "--live"), (("--live",), "--account")):
        for command in (("propose", directive), ("desk", "start"), ("desk", "run")):
            done = quarterdeck("--env", "live", *said, *command)
            assert (done.code, done.out) == (2, "")
            assert missing in done.err
    assert not latched(Home(home.root, home.environment))


@pytest.mark.parametrize(
    ("value", "shown"),
    [("340.1", "340.10"), ("150", "150.00"), ("0.4512", "0.4512"), ("79.983333333", "79.9833"),
     (None, "-")],
)  # fmt: skip
def test_a_price_has_its_cents_and_a_missing_one_is_a_dash(value: object, shown: str) -> None:
    assert price(value) == shown


def test_a_plan_says_what_it_trades_in_place_of_what_was_suggested(
    quarterdeck, canned: CannedDesk
) -> None:
    fund = plan()
    fund["steps"] = [{**fund["steps"][0], "symbol": "SOXL", "underlying": "NVDA"}]
    canned.answers["GET /v1/plans/3f9a"] = (200, fund)
    shown = quarterdeck("plan", "show", "3f9a").out
    assert "In place of what was suggested\n  SOXL for NVDA: Materials must fall.\n" in shown


def test_signals_with_their_fate_plan_and_profit(quarterdeck, canned: CannedDesk) -> None:
    canned.answers["GET /v1/signals"] = (200, [SIGNAL, STALE])
    assert json.loads(quarterdeck("signals", "--json").out) == [SIGNAL, STALE]
    head, one, other = quarterdeck("signals").out.splitlines()
    assert head.split() == ["heard", "signal", "source", "direction", "symbol", "fate", "plan", "P&L", "what"]  # fmt: skip
    assert one.split()[5:] == ["closed", "3f9a/2", "9.50", "2", "left,", "profit", "9.50"]
    assert "\x1b" not in one
    assert other.split()[5:] == ["guarded,", "ended", "-", "-", "stale"]
    canned.answers["GET /v1/signals"] = (200, [])
    none = quarterdeck("signals")
    assert (none.code, none.out, none.err) == (0, "", "No signal was heard.\n")
