"""How a cell is written: attributes and colours as the terminal's SGR parameters (ECMA-48, 8.3.117)."""

from dataclasses import dataclass
from functools import lru_cache

from rich.color import Color, ColorSystem
from rich.style import Style

# Rich's attribute bits, in order: bold, dim, italic, underline, blink, fast blink, reverse, conceal, strike,
# double underline, frame, encircle, overline; and the parameter that ends each (shared by some).
_ON = ("1", "2", "3", "4", "5", "6", "7", "8", "9", "21", "51", "52", "53")
_OFF = dict.fromkeys(("1", "2"), "22") | {"3": "23", "4": "24", "21": "24", "5": "25", "6": "25"}
_OFF |= {"7": "27", "8": "28", "9": "29", "51": "54", "52": "54", "53": "55"}
_UNSEEN_ON_A_BLANK = frozenset({"1", "2", "3"})


@dataclass(frozen=True, slots=True, eq=False)
class Pen:
    """A look. Pens are made by `pen` only, so equal looks are the same object."""

    attributes: tuple[str, ...]
    ink: str
    ground: str

    def blanks_like(self, other: "Pen") -> bool:
        """Whether a space written with this pen looks like one written with the other."""
        return (
            self.ground == other.ground
            and _UNSEEN_ON_A_BLANK.issuperset(self.attributes)
            and _UNSEEN_ON_A_BLANK.issuperset(other.attributes)
        )


@lru_cache(maxsize=4096)
def pen(attributes: tuple[str, ...] = (), ink: str = "", ground: str = "") -> Pen:
    """The one pen of this look; empty ink and ground are the terminal's own."""
    return Pen(attributes, ink, ground)


PLAIN = pen()


@lru_cache(maxsize=4096)
def blank(of: Pen) -> Pen:
    """The pen that stands for all pens whose space looks like this one's."""
    return pen((), "", of.ground) if _UNSEEN_ON_A_BLANK.issuperset(of.attributes) else of


@lru_cache(maxsize=16384)
def pen_of(style: Style | None, system: ColorSystem | None) -> Pen:
    """A Rich style in the colours the terminal has; None for one without colours. Links are not kept."""
    if style is None:
        return PLAIN
    bits = style._attributes & style._set_attributes
    attributes = tuple(code for bit, code in enumerate(_ON) if bits >> bit & 1)
    return pen(
        attributes, _colour(style.color, system, True), _colour(style.bgcolor, system, False)
    )


def _colour(colour: Color | None, system: ColorSystem | None, ink: bool) -> str:
    if colour is None or colour.is_default or system is None:
        return ""
    return ";".join(colour.downgrade(system).get_ansi_codes(ink))


@lru_cache(maxsize=16384)
def change(old: Pen, new: Pen) -> str:
    """The shortest sequence that turns one pen into the other."""
    if old is new:
        return ""
    over = [code for code in old.attributes if code not in new.attributes]
    ended = {_OFF[code] for code in over}
    codes = sorted(ended)
    codes += [c for c in new.attributes if c not in old.attributes or _OFF[c] in ended]
    if old.ink != new.ink:
        codes.append(new.ink or "39")
    if old.ground != new.ground:
        codes.append(new.ground or "49")
    afresh = ["0", *new.attributes, *filter(None, (new.ink, new.ground))]
    return f"\x1b[{min(';'.join(codes), ';'.join(afresh), key=len)}m"
