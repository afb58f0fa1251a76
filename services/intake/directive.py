"""Reads a rebalancing directive: `Portfolio.md` with its ACTION PLAN (spec 2.A)."""

import re
from datetime import UTC, datetime
from decimal import Decimal
from difflib import get_close_matches

from db.model.proposal import Action, Directive, DirectiveProposal
from services.intake.markdown import Piece, pieces
from services.intake.refusal import RefusedInputError
from services.intake.text import sha256, shown

SECTION = re.compile(r"(?:[a-z]\.\s*)?action\s+plan\b.*", re.IGNORECASE | re.DOTALL)
MOST_TOGETHER = Decimal("1.005")
HUNDRED = Decimal(100)

_PERCENT = r"([0-9]{1,6}(?:\.[0-9]{1,10})?)\s*%"
_SECTOR = r"(\S(?:.*?\S)?)"
_CHANGE = re.compile(
    rf"(reduce|increase|add)\s+{_SECTOR}\s+from\s+{_PERCENT}\s+to\s+{_PERCENT}\s*\.?", re.IGNORECASE
)
_ADD = re.compile(rf"add\s+{_SECTOR}\s+to\s+{_PERCENT}\s*\.?", re.IGNORECASE)
_EXIT = re.compile(r"exit\s+([^%\d]*[^%\d\s.])\s*\.?", re.IGNORECASE)
_CASH = re.compile(rf"target\s+cash(?:\s+position)?\s*:?\s*{_PERCENT}\s*\.?", re.IGNORECASE)
_VERBS = (
    "reduce", "increase", "add", "exit", "target", "trim", "cut", "raise", "sell", "buy", "lower",
    "lift", "rotate",
)  # fmt: skip
LEADERS = re.compile(r"^[\W\d_]+")
STRAY = re.compile(r"(reduce|increase|add|exit|target\s+cash)\b", re.IGNORECASE)
FORMS = (
    "'Reduce SECTOR from A% to B%', 'Increase SECTOR from A% to B%', 'Add SECTOR from 0% to B%', "
    "'Add SECTOR to B%', 'Exit SECTOR' or 'Target Cash position: N%'"
)

_GENERATED = re.compile(
    r"generated:?\s*([0-9]{4}-[0-9]{2}-[0-9]{2})\s+at\s+([0-9]{1,2}:[0-9]{2})\s+([A-Z]{2,4})",
    re.IGNORECASE,
)
_VALUE = re.compile(
    r"total\s+(?:portfolio\s+)?value:?\s*\$\s*([0-9][0-9,]{0,30}(?:\.[0-9]{1,10})?)", re.IGNORECASE
)
_STATED_CASH = re.compile(rf"cash:.*?\(\s*{_PERCENT}\s*\)", re.IGNORECASE)
ZONES = {
    "UTC": 0, "GMT": 0, "EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7, "MDT": -6,
    "PST": -8, "PDT": -7,
}  # fmt: skip
"""Hours from UTC. A zone we do not know leaves the time unknown rather than wrong."""


def looks_like(text: str) -> bool:
    """It has an ACTION PLAN heading, or is titled PORTFOLIO."""
    return (
        re.search(r"^ {0,3}#{1,6}[ \t].*(action[ \t]+plan|\bportfolio\b)", text, re.I | re.M)
        is not None
    )


def read(name: str, text: str, data: bytes) -> DirectiveProposal:
    """The directives of the one ACTION PLAN. Raises RefusedInputError: half a rebalance is worse
    than none, so one bullet that can't be read refuses the file."""
    document = pieces(text)
    directives: list[Directive] = []
    cash: tuple[Decimal, int] | None = None
    for piece in _action_plan(name, document):
        found = _directive(name, piece)
        if isinstance(found, Directive):
            directives.append(found)
        elif found is not None:
            if cash is not None:
                raise _refused(name, piece, f"the cash target stands on line {cash[1]} already")
            cash = (found, piece.line)
    if not directives:
        raise RefusedInputError(
            name, f"its ACTION PLAN holds no directive, expected bullets like {FORMS}"
        )
    _check_together(name, directives, cash)
    said = [p for p in document if p.kind in ("paragraph", "item")]
    value = _first(_VALUE, said)
    stated_cash = _first(_STATED_CASH, said)
    return DirectiveProposal(
        source=name,
        sha256=sha256(data),
        generated_at=_generated(document),
        stated_value=Decimal(value.replace(",", "")) if value else None,
        stated_cash_weight=Decimal(stated_cash) / HUNDRED if stated_cash else None,
        directives=tuple(directives),
        target_cash_weight=cash[0] if cash is not None else None,
    )


def _action_plan(name: str, document: tuple[Piece, ...]) -> list[Piece]:
    """What stands under the one ACTION PLAN heading."""
    starts = [
        i for i, p in enumerate(document) if p.kind == "heading" and SECTION.fullmatch(p.text)
    ]
    if not starts:
        raise RefusedInputError(name, "it has no ACTION PLAN section, expected '## ACTION PLAN'")
    if len(starts) > 1:
        raise RefusedInputError(
            name, "a second ACTION PLAN section, expected one", line=document[starts[1]].line
        )
    section: list[Piece] = []
    for piece in document[starts[0] + 1 :]:
        if piece.kind == "heading":
            break
        section.append(piece)
    return section


def _directive(name: str, piece: Piece) -> Directive | Decimal | None:
    """A directive, the cash target, or None for a line that is neither."""
    text = " ".join(piece.text.split())
    if piece.kind != "item":
        _no_stray_directive(name, piece)
        return None
    if match := _CASH.fullmatch(text):
        return _weight(name, piece, match[1])
    if match := _CHANGE.fullmatch(text):
        return _change(name, piece, match)
    if match := _ADD.fullmatch(text):
        return _made(name, piece, match[1], None, _weight(name, piece, match[2]), Action.BUY)
    if match := _EXIT.fullmatch(text):
        return _made(name, piece, match[1], None, Decimal(0), Action.SELL)
    if _looks_like_a_directive(text):
        raise RefusedInputError(
            name,
            f"can't read {shown(text)!r}, expected {FORMS}",
            line=piece.line,
            field="directive",
        )
    return None


def _no_stray_directive(name: str, piece: Piece) -> None:
    """A directive that Markdown does not take for a bullet (a `•`, four blanks, a table) must not
    be passed over."""
    for offset, said in enumerate(piece.text.splitlines()):
        line = " ".join(LEADERS.sub("", said).split())
        whole = any(form.fullmatch(line) for form in (_CHANGE, _ADD, _EXIT, _CASH))
        if whole or (STRAY.match(line) and "%" in line):
            raise RefusedInputError(
                name,
                f"{shown(said)!r}: a directive must be a bullet, begin the line with '- '",
                line=piece.line + offset,
                field="directive",
            )


def _change(name: str, piece: Piece, match: re.Match[str]) -> Directive:
    verb = match[1].lower()
    stated, target = _weight(name, piece, match[3]), _weight(name, piece, match[4])
    selling = verb == "reduce"
    if (target > stated) if selling else (target < stated):
        raise _refused(name, piece, f"{verb} from {match[3]}% to {match[4]}% goes the other way")
    action = Action.HOLD if target == stated else Action.SELL if selling else Action.BUY
    return _made(name, piece, match[2], stated, target, action)


def _made(
    name: str, piece: Piece, sector: str, stated: Decimal | None, target: Decimal, action: Action
) -> Directive:
    if sector.casefold() in ("cash", "cash position"):
        raise _refused(name, piece, "cash is no sector, expected 'Target Cash position: N%'")
    if re.search(r"[%\d]|\b(from|to|and|by)\b|[,;:]", sector, re.IGNORECASE) or len(sector) > 60:
        raise RefusedInputError(
            name,
            f"{shown(sector)!r} is not one sector, expected {FORMS}",
            line=piece.line,
            field="sector",
        )
    return Directive(
        sector=sector, stated_weight=stated, target_weight=target, action=action, line=piece.line
    )


def _weight(name: str, piece: Piece, text: str) -> Decimal:
    weight = Decimal(text) / HUNDRED
    if weight > 1:
        raise RefusedInputError(
            name,
            f"{text}% is more than the whole, expected 0% to 100%",
            line=piece.line,
            field="target",
        )
    return weight


def _looks_like_a_directive(text: str) -> bool:
    """Begins with a verb of trade, perhaps misspelt, or speaks of percent."""
    first = re.match(r"[^\w]*(\w+)", text)
    word = first[1][:20].lower() if first else ""
    return "%" in text or bool(get_close_matches(word, _VERBS, n=1, cutoff=0.8))


def _check_together(
    name: str, directives: list[Directive], cash: tuple[Decimal, int] | None
) -> None:
    seen: dict[str, int] = {}
    for directive in directives:
        key = " ".join(directive.sector.split()).casefold()
        if key in seen:
            raise RefusedInputError(
                name,
                f"{directive.sector} has a directive on line {seen[key]} already, expected one a sector",
                line=directive.line,
                field="sector",
            )
        seen[key] = directive.line
    total = sum((d.target_weight for d in directives), cash[0] if cash else Decimal(0))
    if total > MOST_TOGETHER:
        raise RefusedInputError(
            name,
            f"the targets with cash sum to {total * HUNDRED:.1f}%, expected at most 100.5%",
            line=directives[0].line,
            field="targets",
        )


def _refused(name: str, piece: Piece, expected: str) -> RefusedInputError:
    said = f"{shown(piece.text)!r}: {expected}"
    return RefusedInputError(name, said, line=piece.line, field="directive")


def _first(form: re.Pattern[str], said: list[Piece]) -> str | None:
    return next((m[1] for piece in said if (m := form.search(piece.text))), None)


def _generated(document: tuple[Piece, ...]) -> datetime | None:
    for piece in document:
        if match := _GENERATED.search(" ".join(piece.text.split())):
            hours = ZONES.get(match[3].upper())
            if hours is None:
                return None
            try:
                local = datetime.fromisoformat(f"{match[1]}T{match[2]:0>5}{hours:+03d}:00")
                return local.astimezone(UTC)
            except (ValueError, OverflowError):
                return None
    return None
