"""Who may trade now: restrictions of an account, and the windows of an auction (§8.2, §9). Pure."""

from datetime import datetime, time, timedelta

from services.exchange import sessions
from services.exchange.engine.accounts import Account
from services.exchange.engine.errors import Cause, RefusedError
from services.exchange.engine.order_types import TIMES_IN_FORCE
from services.exchange.engine.rules import Rules

OPG_CUTOFF = time(9, 28)
AUCTIONS_REOPEN = time(19)


def check_account(account: Account) -> None:
    """Nothing at all may be asked for."""
    if account.account_blocked or account.trading_blocked:
        raise RefusedError(Cause.NOT_AUTHORIZED)
    if account.configuration.suspend_trade:
        raise RefusedError(Cause.SUSPENDED)


def check_opening(account: Account) -> None:
    if account.liquidation_only:
        raise RefusedError(Cause.LIQUIDATION_ONLY)


def check_window(time_in_force: str, at: datetime, rules: Rules) -> None:
    """On a day with a session, orders for an auction are taken until shortly before it, and
    from seven in the evening on for the next one."""
    auction = TIMES_IN_FORCE[time_in_force].auction
    if not auction:
        return
    local = at.astimezone(sessions.NEW_YORK)
    session = sessions.session_of(local.date())
    if session is None:
        return
    cutoff = OPG_CUTOFF if auction == "opening" else _cls_cutoff(session, rules)
    if cutoff <= local.time() < AUCTIONS_REOPEN:
        words = {"tif": time_in_force, "cutoff": _clock(cutoff)}
        raise RefusedError(Cause.AUCTION_WINDOW, words)


def _cls_cutoff(session: sessions.Session, rules: Rules) -> time:
    """As long before an early close as before the usual one."""
    closes = session.closes.astimezone(sessions.NEW_YORK)
    early = datetime.combine(session.day, sessions.CLOSE) - closes.replace(tzinfo=None)
    usual = datetime.combine(session.day, rules.cls_cutoff)
    return (usual - max(early, timedelta(0))).time()


def _clock(at: time) -> str:
    """`15:50` → `3:50pm`, as Alpaca's messages say it."""
    return f"{(at.hour - 1) % 12 + 1}:{at.minute:02}{'am' if at.hour < 12 else 'pm'}"
