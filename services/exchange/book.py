"""The book file: which accounts, positions and prices an exchange starts from."""

import json
from collections.abc import Mapping
from decimal import Decimal
from importlib import resources
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

DEFAULT_BOOK = "rebalance"
Money = Annotated[Decimal, Field(allow_inf_nan=False)]
Positive = Annotated[Decimal, Field(gt=0, allow_inf_nan=False)]
Symbol = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9.]{0,11}$")]


class BookError(ValueError):
    """The book cannot be used; the message is one sentence."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class BookAccount(_Part):
    cash: Money
    multiplier: Literal["1", "2", "4"] = "2"
    equity_at_open: Money | None = None


class BookPosition(_Part):
    account: str
    symbol: Symbol
    qty: Positive
    avg_entry_price: Positive


class Listing(_Part):
    """One instrument. `price` is the mid, `spread_bps` the whole spread, `adv` shares a day."""

    symbol: Symbol
    price: Positive
    spread_bps: Annotated[Decimal, Field(ge=0, le=5000)] = Decimal(2)
    adv: Annotated[int, Field(ge=0)] = 0
    sector: str = ""
    name: str = ""
    exchange: Literal["NASDAQ", "NYSE", "ARCA", "AMEX", "BATS", "OTC", ""] = ""
    active: bool = True  # False: delisted, kept for its name
    tradable: bool = True
    marginable: bool = True
    shortable: bool = True
    easy_to_borrow: bool = True
    fractionable: bool = True
    has_options: bool = False

    @property
    def venue(self) -> str:
        """Where it is listed: as said, else by the habit that NYSE tickers are the short ones."""
        return self.exchange or ("NYSE" if len(self.symbol) <= 3 else "NASDAQ")


class Book(_Part):
    about: str = ""
    accounts: Annotated[dict[str, BookAccount], Field(min_length=1)]
    positions: tuple[BookPosition, ...] = ()
    market: Annotated[tuple[Listing, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _consistent(self) -> "Book":
        symbols = [listing.symbol for listing in self.market]
        if len(set(symbols)) != len(symbols):
            raise ValueError("a symbol is listed twice in market")
        held = [(position.account, position.symbol) for position in self.positions]
        if len(set(held)) != len(held):
            raise ValueError("an account holds a symbol twice in positions")
        for position in self.positions:
            if position.account not in self.accounts:
                raise ValueError(f"position {position.symbol} names no account of the book")
            if position.symbol not in symbols:
                raise ValueError(f"position {position.symbol} has no price in market")
        return self


def read_book(path: Path | None) -> Book:
    """The book of a file, or the default one. Raises BookError with one sentence."""
    if path is None:
        source = resources.files("services.exchange") / "books" / f"{DEFAULT_BOOK}.json"
        return parse_book(source.read_text(encoding="utf-8"), DEFAULT_BOOK)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BookError(f"Book {path} cannot be read: {_reason(error)}.") from error
    return parse_book(text, str(path))


def with_accounts(book: Book, accounts: Mapping[str, BookAccount]) -> Book:
    """The book with more accounts, or with others in place of those of the same name."""
    return book.model_copy(update={"accounts": {**book.accounts, **accounts}})


def parse_book(text: str, name: str) -> Book:
    try:
        return Book.model_validate(json.loads(text, parse_float=Decimal))
    except json.JSONDecodeError as error:
        raise BookError(f"Book {name} is not JSON: {error.msg} at line {error.lineno}.") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the whole"
        raise BookError(f"Book {name} is malformed at {where}: {first['msg']}.") from error


def _reason(error: OSError | UnicodeDecodeError) -> str:
    if isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8 text"
    return (error.strerror or str(error)).lower()
