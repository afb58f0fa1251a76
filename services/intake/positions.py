"""Where each key of a JSON or TOML document stands. The parsers of the standard library read; this only
looks up afterwards what has to be shown to a person."""

import json
import re
from collections.abc import Iterator

Path = tuple[str | int, ...]
"""Keys and places in lists, from 0."""

_TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[{}\[\]:,]|[^\s{}\[\]:,"]+', re.DOTALL)
_KEY = r"""(?:[A-Za-z0-9_-]+|"(?:[^"\\]|\\.)*"|'[^']*')"""
_DOTTED = rf"{_KEY}(?:[ \t]*\.[ \t]*{_KEY})*"
_HEADER = re.compile(rf"[ \t]*(\[\[?)[ \t]*({_DOTTED})[ \t]*\]")
_PAIR = re.compile(rf"[ \t]*({_DOTTED})[ \t]*=")


def json_places(text: str) -> Iterator[tuple[Path, int]]:
    """Every key and every element of a list with its offset, in order. `text` is valid JSON."""
    opened: list[str] = []
    path: list[str | int] = []
    key_next = False
    for token in _TOKEN.finditer(text):
        mark = token[0]
        if mark in ("}", "]"):
            opened.pop()
            path.pop()
            key_next = False
        elif mark == ",":
            key_next = opened[-1] == "{"
            last = path[-1]
            path[-1] = last + 1 if isinstance(last, int) else last
        elif mark == ":":
            key_next = False
        elif key_next:
            path[-1] = json.loads(mark, strict=False)
            yield tuple(path), token.start()
        else:
            if opened and opened[-1] == "[":
                yield tuple(path), token.start()
            if mark in ("{", "["):
                opened.append(mark)
                path.append("" if mark == "{" else 0)
                key_next = mark == "{"


def toml_places(text: str) -> Iterator[tuple[Path, int]]:
    """Every table and every key that begins a line, with its offset. `text` is valid TOML; what stands
    inside a value has the place of its key."""
    table: Path = ()
    counts: dict[Path, int] = {}
    offset, inside = 0, False
    for line in text.split("\n"):
        if not inside:
            if match := _HEADER.match(line):
                table = _resolved(_keys(match[2]), counts, another=match[1] == "[[")
                yield table, offset + match.start(1)
            elif match := _PAIR.match(line):
                yield (*table, *_keys(match[1])), offset + match.start(1)
        inside ^= (line.count('"""') + line.count("'''")) % 2 == 1
        offset += len(line) + 1


def _keys(dotted: str) -> Path:
    return tuple(
        json.loads(key, strict=False) if key[0] == '"' else key.strip("'")
        for key in re.findall(_KEY, dotted)
    )


def _resolved(keys: Path, counts: dict[Path, int], *, another: bool) -> Path:
    """The header's path with the place in each array of tables it passes through."""
    path: Path = ()
    for depth, key in enumerate(keys, start=1):
        path = (*path, key)
        if another and depth == len(keys):
            counts[path] = counts.get(path, -1) + 1
        if path in counts:
            path = (*path, counts[path])
    return path
