"""Answers a desk would give, for the commands to be run against."""

from typing import Any

from answering_desk import CannedDesk

Json = dict[str, Any]

ROW = {
    "plan_id": "3f9a", "revision": 1, "created_at": "2013-10-08T14:30:00Z", "source": "P.md",
    "state": "checked", "verdict": "CONDITIONAL", "excepted": False, "mode": None, "steps": 1, "steps_done": 0,
    "sells": 1, "buys": 0, "reason": "", "hash": "cafe",
}  # fmt: skip
POSITION = {
    "symbol": "NEM", "account": "main", "sector": "Materials", "qty": "150",
    "avg_entry_price": "50", "price": None, "price_at": None, "value": None, "weight": None,
    "unrealized_pl": None, "unrealized_plpc": None, "stop_price": None, "target_price": None,
    "locked": False,
}  # fmt: skip
STATUS = {
    "trading_state": "ACTIVE", "environment": "sim", "account": "PA1", "plans": [ROW],
    "positions": [POSITION], "cash": "2500.00", "equity": None, "reconciled": True,
    "reconciled_at": "2013-10-08T14:30:00Z", "market_open": True, "pid": 1,
    "started_at": "2013-10-08T14:00:00Z", "unresolved": [],
}  # fmt: skip
CARD = {
    "plan_id": "3f9a", "revision": 1, "hash": "cafe", "token": "K7QX",
    "issued_at": "2013-10-08T14:30:00Z", "expires_at": "2013-10-08T14:40:00Z",
    "environment": "sim", "account": "PA1", "trading_state": "ACTIVE", "verdict": "CONDITIONAL",
    "sells": 1, "buys": 0, "worst_case_cash": "2500", "cash_after": "14495.5", "findings": [],
    "orders": [{"n": 1, "side": "sell", "symbol": "NEM", "qty": "150", "type": "market",
                "limit_price": None, "expected_value": "11995.5"}],
    "drift": [], "tolerance": "0.02", "notes": ["The market is open."],
}  # fmt: skip


def plan(verdict: str = "CONDITIONAL", state: str = "checked", **more: object) -> Json:
    step = {
        "n": 1, "phase": "sell", "symbol": "NEM", "side": "sell", "qty": "150", "type": "market",
        "limit_price": None, "expected_price": "79.97", "expected_cash_after": "14495.5",
        "reason": "Materials must fall.",
    }  # fmt: skip
    finding = {
        "check": "cash", "severity": "warn", "subject": "plan", "message": "Cash is\x1b[2J low.",
        "values": {},
    }  # fmt: skip
    return {
        "plan_id": "3f9a", "verdict": verdict, "policy": "standard", "hash": "cafe",
        "steps": [step], "findings": [finding], "skipped": [{"symbol": "UNH", "reason": "small"}],
        "before": {"cash": "2500", "cash_weight": "0.02"},
        "after": {"cash": "14495.5", "cash_weight": "0.1"}, "source": "P.md", "state": state,
        "mode": None, "reason": "", **more,
    }  # fmt: skip


def event(seq: int, kind: str = "OrderSent", **payload: object) -> Json:
    return {
        "seq": seq, "at": "2013-10-08T14:30:01Z", "kind": kind, "plan_id": "3f9a", "step": 1,
        "client_order_id": "qd-3f9a-s01-c1-a1", "account": "main", "symbol": "NEM",
        "payload": payload, "prev_hash": "", "hash": "",
    }  # fmt: skip


class Story:
    """A plan on a canned desk: approved by its token, run, and each look a state further.

    `states` are what the looks show, the last for ever; each look adds an event."""

    def __init__(self, desk: CannedDesk, states: list[str], mode: str = "auto") -> None:
        self.desk, self.states, self.mode = desk, states, mode
        self.approved = self.started = False
        self.looks = 0
        self.events = [event(5, "PlanCreated")]
        desk.answers |= {
            "GET /v1/plans/3f9a": self._plan,
            "GET /v1/snapshot": (200, {"journal_seq": 5, "plans": {"3f9a": ROW}}),
            "POST /v1/plans/3f9a/card": (200, CARD),
            "POST /v1/plans/3f9a/approve": self._approve,
            "POST /v1/plans/3f9a/run": self._run,
            "POST /v1/plans/3f9a/next": (200, plan(state="selling")),
            "POST /v1/plans/3f9a/continue": self._continue,
        }
        self._offer_events()

    def _plan(self, _: Json) -> tuple[int, Json]:
        if not self.started:
            return 200, plan(state="checked", mode=None)
        state = self.states[min(self.looks, len(self.states) - 1)]
        self.looks += 1
        self.events.append(event(5 + self.looks, "PlanAdvanced", to=state))
        self._offer_events()
        self.desk.updates = [{"type": "snapshot", "snapshot": {}}]
        return 200, plan(state=state, mode=self.mode, reason="a reason")

    def _approve(self, body: Json) -> tuple[int, Json]:
        if (body["token"], body["hash"]) != ("K7QX", "cafe"):
            return 409, {"error": "That is not the token on the card."}
        self.approved = True
        return 200, plan(state="approved", mode=self.mode)

    def _run(self, _: Json) -> tuple[int, Json]:
        if not self.approved:
            return 409, {"error": "Plan 3f9a is not approved."}
        return self._continue(_)

    def _continue(self, _: Json) -> tuple[int, Json]:
        self.started = True
        return 200, plan(state="selling", mode=self.mode)

    def _offer_events(self) -> None:
        for after in range(5 + self.looks + 1):
            found = [e for e in self.events if e["seq"] > after]
            self.desk.answers[f"GET /v1/events?after={after}&limit=500&plan=3f9a"] = (200, found)
