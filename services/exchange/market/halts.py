"""Halts and resumptions in the words of the UTP tape: status and reason codes."""

from datetime import datetime

from services.exchange.market.quotes import TradingStatus

HALTED, PAUSED, RESUMED = "H", "P", "T"
STATUSES = {
    HALTED: "Trading Halt",
    PAUSED: "Volatility Trading Pause",
    RESUMED: "Trading Resumption",
}
VOLATILITY = "LUDP"
REASONS = {
    "T1": "Halt News Pending",
    "T2": "Halt News Dissemination",
    "T5": "Single Stock Trading Pause In Effect",
    "T6": "Regulatory Halt Extraordinary Market Activity",
    "T8": "Halt ETF",
    "T12": "Trading Halted; For Information Requested By Listing Market",
    "H4": "Halt Non-Compliance",
    "H9": "Halt Filings Not Current",
    "H10": "Halt SEC Trading Suspension",
    "H11": "Halt Regulatory Concern",
    "O1": "Operations Halt; Contact Market Operations",
    "IPO1": "IPO Issue Not Yet Trading",
    "LUDP": "Volatility Trading Pause",
    "LUDS": "Volatility Trading Pause - Straddle Condition",
    "MWC1": "Market Wide Circuit Breaker Halt - Level 1",
    "MWC2": "Market Wide Circuit Breaker Halt - Level 2",
    "MWC3": "Market Wide Circuit Breaker Halt - Level 3",
    "T3": "News And Resumption Times",
}
RESUMPTION = "T3"


def halt_status(symbol: str, reason: str, at: datetime) -> TradingStatus:
    """A reason that is no code of the tape is told as it is."""
    code = PAUSED if reason.startswith("LUD") else HALTED
    return TradingStatus(symbol, code, STATUSES[code], reason, REASONS.get(reason, reason), at)


def resume_status(symbol: str, at: datetime) -> TradingStatus:
    message = REASONS[RESUMPTION]
    return TradingStatus(symbol, RESUMED, STATUSES[RESUMED], RESUMPTION, message, at)
