"""What is known of a symbol besides its price: shipped defaults, the broker's asset list over them,
the trader's own file over both (spec 2.G)."""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from importlib import resources

from db.model.instrument import UNCLASSIFIED, Instrument
from services.intake.instruments import InstrumentNote, read


@lru_cache(maxsize=1)
def shipped() -> Mapping[str, InstrumentNote]:
    """The defaults in `instruments.toml`: sectors, leverage factors and round daily volumes."""
    source = resources.files("services.market") / "instruments.toml"
    table = read("instruments.toml", source.read_text(encoding="utf-8"))
    return {note.symbol: note for note in table.notes}


def merge(
    defaults: Mapping[str, InstrumentNote],
    broker_assets: Iterable[Instrument],
    overrides: Iterable[InstrumentNote] = (),
) -> dict[str, Instrument]:
    """One instrument for each asset that the broker lists, what it does not say filled in from the
    defaults and corrected by the overrides. A symbol that the broker does not list is not there:
    it can't be traded."""
    own = {note.symbol: note for note in overrides}
    merged: dict[str, Instrument] = {}
    for asset in broker_assets:
        known = asset
        default = defaults.get(asset.symbol)
        if default is not None:
            known = _filled(known, default)
        if asset.symbol in own:
            known = _corrected(known, own[asset.symbol])
        merged[asset.symbol] = known
    return merged


def _filled(asset: Instrument, note: InstrumentNote) -> Instrument:
    """The asset, what it leaves open taken from the note."""
    return asset.model_copy(
        update={
            "name": asset.name or note.name or "",
            "sector": (note.sector or UNCLASSIFIED)
            if asset.sector == UNCLASSIFIED
            else asset.sector,
            "industry": asset.industry or note.industry or "",
            "leverage_factor": note.leverage_factor
            if note.leverage_factor is not None and asset.leverage_factor == 1
            else asset.leverage_factor,
            "average_daily_volume": asset.average_daily_volume or note.average_daily_volume,
        }
    )


def _corrected(asset: Instrument, note: InstrumentNote) -> Instrument:
    """The asset, everything that the note says taken from it."""
    said = note.model_dump(exclude={"symbol"}, exclude_none=True)
    return asset.model_copy(update=said)
