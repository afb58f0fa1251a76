"""`docs/keys.md`, written from the keymap: `python -m console.keys_page > docs/keys.md`."""

import sys

from console.keymap import CONTEXTS, Keymap, spoken

HEAD = """# Keys

Written from the table in `console/keymap.py`; `?` shows the same in the console. Keys are changed by id in
`config.toml`; a key that would then mean two things is refused when the console starts. `!` and F9 always halt.

```toml
[console.keymap]
"plan.approve" = "A f5"   # several keys, separated by blanks
```
"""


def markdown(keymap: Keymap) -> str:
    """The page: one table a context."""
    lines = [HEAD]
    for context, title in CONTEXTS.items():
        bindings = list(keymap.of(context))
        if not bindings:
            continue
        lines += [f"## {title}\n", "| keys | what it does | id |", "|---|---|---|"]
        for binding in bindings:
            keys = " ".join(f"`{spoken(key)}`" for key in binding.keys) or f"`:{binding.words}`"
            lines.append(f"| {keys} | {binding.help} | `{binding.id}` |")
        lines.append("")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.stdout.write(markdown(Keymap()))
