"""Watchlists: named, ordered lists of symbols, kept with the state."""

import json
from collections.abc import Callable, Iterable
from datetime import datetime
from uuid import NAMESPACE_URL, uuid5

from pydantic import BaseModel, ConfigDict

FACT = "watchlists"
PutFact = Callable[[str, str], None]


class Watchlist(BaseModel):
    model_config = ConfigDict(frozen=True)

    id: str
    account: str
    name: str
    symbols: tuple[str, ...]
    created_at: datetime
    updated_at: datetime


class Watchlists:
    """Those of all accounts. `kept` is the fact a former run wrote."""

    def __init__(self, kept: str | None, put_fact: PutFact) -> None:
        document = json.loads(kept or '{"made": 0, "lists": []}')
        lists = (Watchlist.model_validate(item) for item in document["lists"])
        self._made: int = document["made"]
        self._lists = {watchlist.id: watchlist for watchlist in lists}
        self._put_fact = put_fact

    def of(self, account: str) -> list[Watchlist]:
        """Oldest first."""
        return [w for w in self._lists.values() if w.account == account]

    def with_id(self, account: str, watchlist_id: str) -> Watchlist | None:
        found = self._lists.get(watchlist_id)
        return found if found and found.account == account else None

    def named(self, account: str, name: str) -> Watchlist | None:
        return next((w for w in self.of(account) if w.name == name), None)

    def make(self, account: str, name: str, symbols: Iterable[str], at: datetime) -> Watchlist:
        self._made += 1
        made = Watchlist(
            id=str(uuid5(NAMESPACE_URL, f"simulated exchange watchlist {self._made}")),
            account=account,
            name=name,
            symbols=tuple(symbols),
            created_at=at,
            updated_at=at,
        )
        self.keep(made)
        return made

    def keep(self, watchlist: Watchlist) -> None:
        self._lists[watchlist.id] = watchlist
        self._write()

    def drop(self, watchlist: Watchlist) -> None:
        del self._lists[watchlist.id]
        self._write()

    def _write(self) -> None:
        lists = [watchlist.model_dump(mode="json") for watchlist in self._lists.values()]
        self._put_fact(FACT, json.dumps({"made": self._made, "lists": lists}))
