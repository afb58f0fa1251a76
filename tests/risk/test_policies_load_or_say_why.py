"""The shipped policies are the table of the specification; a wrong one is refused with its line."""

import tomllib
from decimal import Decimal
from enum import StrEnum
from importlib import resources
from pathlib import Path

import pytest

from db.home import Home
from db.model.base import Environment
from db.model.policy import Policy
from services.desk.check import faults
from services.desk.options import DeskOptions
from services.risk.policy import KEYS, SHIPPED, PolicyError, load_policy, policy_hash
from services.risk.policy_diff import differences

OFF = None
# key: standard, strict, active, swing, leveraged
SPEC: dict[str, tuple[str | None, ...]] = {
    "max_position_weight": ("0.15", "0.06", "0.15", "0.08", "0.25"),
    "max_sector_weight": ("0.40", "0.35", "0.30", "0.40", OFF),
    "min_cash_weight": ("0.05", "0.15", "0.05", OFF, "0.10"),
    "warn_cash_weight": ("0.08", "0.17", "0.08", "0.10", "0.12"),
    "max_leverage": ("1", "1", "1", "2", "1"),
    "max_sector_increase": ("0.5", "0.5", "0.5", OFF, OFF),
    "max_leveraged_weight": ("0.3", "0", "0.3", "0.3", "0.3"),
    "max_positions": ("30", "30", "10", "30", "30"),
    "min_position_value": ("500", "500", "500", "500", "500"),
    "min_trade_value": ("100", "100", "100", "500", "100"),
    "deployment_target": (OFF, OFF, OFF, "0.9", OFF),
    "min_conviction": ("65", "65", "65", "65", "65"),
    "worst_sector_rank": ("5", "5", OFF, OFF, OFF),
    "min_account_equity": (OFF, OFF, "25000", OFF, OFF),
    "daily_loss_limit": ("0.1", "0.05", "0.1", "0.1", "0.1"),
    "loss_streak": (OFF, "3", "3", "3", "3"),
    "max_risk_per_trade": ("0.05", "0.02", "0.05", "0.02", "0.05"),
    "max_portfolio_at_risk": (OFF, "0.15", OFF, "0.15", OFF),
    "max_correlation": (OFF, "0.85", "0.85", OFF, OFF),
    "max_value_at_risk": (OFF, "0.03", "0.04", OFF, OFF),
    "max_order_value": ("50000", "25000", "50000", "25000", "50000"),
    "warn_adv_share": ("0.01",) * 5,
    "max_adv_share": ("0.05",) * 5,
    "price_collar": ("0.05", "0.03", "0.05", "0.05", "0.05"),
    "limit_band": ("0.005",) * 5,
    "stop_loss": ("0.08", "0.08", "0.08", "0.08", "0.12"),
    "profit_target": ("0.16", "0.16", "0.16", "0.16", "0.24"),
}


@pytest.mark.parametrize("name", SHIPPED)
@pytest.mark.parametrize("key", SPEC)
def test_shipped_thresholds_are_those_of_the_specification(name: str, key: str) -> None:
    expected = SPEC[key][SHIPPED.index(name)]
    value = getattr(load_policy(name), key)
    assert value == (None if expected is None else Decimal(expected))


def written(directory: Path, name: str, text: str) -> list[Path]:
    (directory / f"{name}.toml").write_text(text, encoding="utf-8")
    return [directory]


def test_a_policy_extends_another_and_says_only_what_it_changes(tmp_path: Path) -> None:
    search = written(
        tmp_path, "mine", 'extends = "swing"\nmax_positions = 12\nloss_streak = "off"\n'
    )
    mine, swing = load_policy("mine", search), load_policy("swing")
    assert (mine.max_positions, mine.loss_streak) == (12, None)
    changed = {"name", "max_positions", "loss_streak"}
    assert mine.model_dump(exclude=changed) == swing.model_dump(exclude=changed)


def test_a_policy_of_ones_own_may_refine_the_shipped_one_of_its_name(tmp_path: Path) -> None:
    search = written(tmp_path, "standard", 'extends = "standard"\nmax_positions = 12\n')
    assert load_policy("standard", search).max_positions == 12
    assert load_policy("swing", search).max_positions == 12  # swing extends it


def test_restricted_symbols_carry_their_reason(tmp_path: Path) -> None:
    search = written(tmp_path, "mine", 'extends = "standard"\n[restricted]\nXYZ = "audit"\n')
    assert load_policy("mine", search).restricted == {"XYZ": "audit"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('extends = "standard"\nmax_postion_weight = 0.1\n', "mine.toml line 2: unknown key max_postion_weight, expected one of max_position_weight"),
        ('extends = "standard"\n\nmax_positions = "many"\n', 'mine.toml line 3: max_positions must be a number or \'off\', not "many"'),
        ('extends = "standard"\nmax_positions = true\n', "mine.toml line 2: max_positions must be a number, not true"),
        ('extends = "standard"\nmax_positions = 1.5\n', "mine.toml line 2: max_positions = 1.5: "),
        ('extends = "standard"\nmax_positions = -1\n', "mine.toml line 2: max_positions must be a number from 0 up, not -1"),
        ('extends = "standard"\nprice_collar = nan\n', "mine.toml line 2: price_collar must be a number from 0 up, not NaN"),
        ('extends = "standard"\nlimit_band = "off"\n', 'mine.toml line 2: limit_band must be a number, not "off".'),
        ('extends = "standard"\nwarn_cash_weight = 0.01\n', "warn_cash_weight must not be below min_cash_weight"),
        ("max_positions = 3\n", "mine.toml: max_position_weight is missing"),
        ("max_positions = = 3\n", "mine.toml is not TOML: "),
        ('extends = "nowhere"\n', "There is no policy called nowhere (extended by mine)"),
        ('extends = "mine"\n', "mine.toml line 1: mine extends itself"),
        ("extends = 3\n", "mine.toml line 1: extends names one policy"),
    ],
)  # fmt: skip
def test_a_wrong_policy_is_refused_with_line_and_key(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(PolicyError) as refused:
        load_policy("mine", written(tmp_path, "mine", text))
    assert said in str(refused.value)
    assert str(refused.value).endswith(".")


@pytest.mark.parametrize("name", ["../standard", "", "a b", "x" * 99, ".hidden"])
def test_a_policy_name_is_no_path(name: str) -> None:
    with pytest.raises(PolicyError, match="is not a policy's name"):
        load_policy(name)


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(PolicyError, match="not UTF-8"):
        load_policy("mine", [tmp_path])


@pytest.mark.parametrize("key", [k for k in KEYS if k != "restricted"])
def test_the_hash_changes_with_every_threshold(key: str) -> None:
    standard = load_policy("standard")
    old = getattr(standard, key)
    if isinstance(old, StrEnum):
        changed: object = next(value for value in type(old) if value is not old)
    else:
        changed = "another" if isinstance(old, str) else 1 if old is None else old + 1
    other: Policy = standard.model_copy(update={key: changed})
    assert policy_hash(other) != policy_hash(standard)
    assert policy_hash(standard) == policy_hash(load_policy("standard"))


def test_two_policies_differ_in_what_the_other_says(tmp_path: Path) -> None:
    text = (
        'extends = "standard"\nmax_positions = 12\nloss_streak = 2\n[restricted]\nXYZ = "audit"\n'
    )
    mine = load_policy("mine", written(tmp_path, "mine", text))
    standard = load_policy("standard")
    assert [tuple(row) for row in differences(standard, mine)] == [
        ("max_positions", "30", "12"),
        ("loss_streak", "off", "2"),
        ("restricted.XYZ", "", "audit"),
    ]
    assert differences(mine, mine) == ()


def test_strict_differs_from_standard_where_its_file_says_so() -> None:
    found = {row.key for row in differences(load_policy("standard"), load_policy("strict"))}
    file = resources.files("services.risk.policies") / "strict.toml"
    assert found == set(tomllib.loads(file.read_text())) - {"extends"}


def test_every_policy_in_the_home_is_looked_at(tmp_path: Path) -> None:
    home = Home(tmp_path, Environment.SIM)
    home.policies.mkdir()
    written(home.policies, "fine", 'extends = "standard"\n')
    written(home.policies, "typo", 'extends = "standard"\n\nmax_positons = 3\n')
    written(home.policies, "child", 'extends = "typo"\n')
    (said,) = faults(home, DeskOptions())
    assert "typo.toml line 3: unknown key max_positons" in said
