"""Target weights in three forms, and every way in which they can't be meant."""

from decimal import Decimal
from pathlib import Path

import pytest

from db.model.proposal import WeightsProposal
from services.intake.read import recognise
from services.intake.refusal import RefusedInputError

CASE = Path(__file__).parents[1] / "data" / "cases" / "stocks" / "weights.csv"


def read(text: str) -> WeightsProposal:
    found = recognise("w", text.encode())
    assert isinstance(found, WeightsProposal)
    return found


def test_the_case() -> None:
    found = read(CASE.read_text(encoding="utf-8"))
    assert found.weights == dict.fromkeys(("AAPL", "MSFT", "NVDA"), Decimal("0.30"))
    assert (found.cash_weight, found.unlisted, found.account) == (Decimal("0.10"), "keep", None)


# text, weights, cash, unlisted, account
FORMS: list[tuple[str, str, str | None, str, str | None]] = [
    ("symbol,weight\nbrk.b,1\n", "BRK.B 1", None, "keep", None),
    ("weight,symbol\n.5,AAPL\n0.5,CASH\n", "AAPL 0.5", "0.5", "keep", None),
    ("[weights]\nAAPL = 0.6\nCASH = 0.4\n", "AAPL 0.6", "0.4", "keep", None),
    ("# My portfolio\nunlisted = 'sell'\n[weights]\nAAPL = 1\n", "AAPL 1", None, "sell", None),
    ("remainder = 'cash'\naccount = 'ira'\n[weights]\nAAPL = 0.2\n", "AAPL 0.2", None, "keep", "ira"),
    ("remainder = 'cash'\n[weights]\nAAPL = 0.2\nCASH = 0.1\n", "AAPL 0.2", "0.8", "keep", None),
    ("AAPL = 0.3\n'BRK.B' = 0.7\n", "AAPL 0.3 BRK.B 0.7", None, "keep", None),
    ('{"AAPL": 0.3, "CASH": 0.7}', "AAPL 0.3", "0.7", "keep", None),
    ('{"weights": {"AAPL": "0.30"}, "remainder": "cash", "unlisted": "keep"}', "AAPL 0.30", None, "keep", None),
    ('{"weights": {"CASH": 1}, "unlisted": "sell"}', "", "1", "sell", None),
    # 0.1 + 0.2 as a binary fraction; the sum 1.0049 is rounding
    ('{"AAPL": 0.30000000000000004, "MSFT": 0.7049}', "AAPL 0.30000000000000004 MSFT 0.7049", None, "keep", None),
]  # fmt: skip


@pytest.mark.parametrize(("text", "weights", "cash", "unlisted", "account"), FORMS)
def test_every_form(
    text: str, weights: str, cash: str | None, unlisted: str, account: str | None
) -> None:
    found = read(text)
    words = weights.split()
    assert found.weights == dict(zip(words[::2], map(Decimal, words[1::2]), strict=True))
    assert found.cash_weight == (None if cash is None else Decimal(cash))
    assert (found.unlisted, found.account) == (unlisted, account)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("symbol,weight\nAAPL,\n", "w line 2: weight: missing, expected a fraction from 0 to 1, as 0.30 for 30%."),
        ("symbol,weight\nAAPL,30%\n", "w line 2: weight: expected a fraction from 0 to 1, as 0.30 for 30%, found '30%'."),
        ("symbol,weight\nAAPL,30\n", "w line 2: weight: expected a fraction from 0 to 1, as 0.30 for 30%, found '30'."),
        ("symbol,weight\nAAPL,-0.1\n", "w line 2: weight: expected a fraction from 0 to 1, as 0.30 for 30%, found '-0.1'."),
        ("symbol,weight\n,1\n", "w line 2: symbol: missing, expected a ticker such as AAPL."),
        ("symbol,weight\nAAPL,.5\n\naapl,.5\n", "w line 4: symbol: AAPL is there twice, expected each symbol once."),
        ("symbol,weight\nAAPL,0.5\nMSFT,0.4949\n", 'w: weights: with cash they sum to 0.9949, expected 1, or remainder = "cash" in TOML or JSON.'),
        ("symbol,weight\nAAPL,0.5\nMSFT,0.5051\n", 'w: weights: with cash they sum to 1.0051, expected 1, or remainder = "cash" in TOML or JSON.'),
        ("symbol,weight\n", "w: no symbol, expected at least one with its weight."),
        ("symbol,weight\nCASH,1\n", "w: no symbol, expected at least one with its weight."),
        ("symbol,weight,note\nAAPL,1,x\n", "w line 1: header: unknown column note, expected symbol, weight."),
        ("symbol,weight\nAAPL,1,2\n", "w line 2: 3 values, expected 2 as in the header."),
        ("remainder = 'cash'\n[weights]\nAAPL = 0.9\nMSFT = 0.2\n", "w: weights: with cash they sum to 1.1, expected at most 1."),
        ("remainder = 'sell'\n[weights]\nAAPL = 1\n", "w line 1 column 1: remainder: expected cash, found 'sell'."),
        ("unlisted = 'drop'\n[weights]\nAAPL = 1\n", "w line 1 column 1: unlisted: expected keep or sell, found 'drop'."),
        ("unlist = 'sell'\n[weights]\nAAPL = 1\n", "w line 1 column 1: unlist: unknown key, expected weights, remainder, unlisted, account."),
        ("[weights]\nAAPL = 0.5\nAAPL = 0.5\n", "w line 3 column 11: not TOML: Cannot overwrite a value."),
        ("[weights]\nAAPL = 0.5\n  MSFT = 'half'\n", "w line 3 column 3: weights.MSFT: expected a fraction from 0 to 1, as 0.30 for 30%, found 'half'."),
        ('{"weights": {"AAPL": 0.5,\n "AAPL": 0.5}}', "w line 2 column 2: weights.AAPL: it stands there twice, expected once."),
        ('{"weights": {"AAPL": 0.5,\n "aapl": 0.5}}', "w line 2 column 2: weights.aapl: AAPL is there twice, expected each symbol once."),
        ('{"weights": [["AAPL", 1]]}', "w line 1 column 2: weights: expected a table, found a list."),
        ('{"AAPL": 1, "MSFT": {}}', "w line 1 column 13: MSFT: expected a fraction from 0 to 1, as 0.30 for 30%, found a table."),
        ('{"AAPL": 1e-40}', "w line 1 column 2: AAPL: expected a fraction from 0 to 1, as 0.30 for 30%, found '1E-40'."),
    ],
)  # fmt: skip
def test_wrong_weights_are_refused(text: str, said: str) -> None:
    with pytest.raises(RefusedInputError) as refused:
        recognise("w", text.encode())
    assert str(refused.value) == said
