"""Money and quantities are exact from end to end: no noun holds a float (invariant 6). That the
journal refuses one is proven where it is written."""

import importlib
import pkgutil
from typing import Any, get_args

import db.model
from db.model.base import Noun


def nouns() -> list[type[Noun]]:
    for module in pkgutil.iter_modules(db.model.__path__):
        importlib.import_module(f"db.model.{module.name}")
    importlib.import_module("services.brokers.port")
    found, new = set[type[Noun]](), {Noun}
    while new:
        new = {sub for noun in new for sub in noun.__subclasses__()} - found
        found |= new
    return sorted(found, key=lambda noun: noun.__qualname__)


def holds_float(annotation: Any) -> bool:
    return annotation is float or any(holds_float(inner) for inner in get_args(annotation))


def test_no_noun_holds_a_float() -> None:
    assert len(nouns()) > 40
    assert [
        f"{noun.__qualname__}.{name}"
        for noun in nouns()
        for name, field in noun.model_fields.items()
        if holds_float(field.annotation)
    ] == []
    assert holds_float(dict[str, float] | None)
