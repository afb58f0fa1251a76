"""The policy that a plan was made under, in force for as long as the plan lives."""

from db.home import Home
from db.model.plan import Plan
from db.model.policy import Policy
from services.desk.config import SettingsError
from services.desk.facts import FactsSource
from services.execution.book import NotPossibleError
from services.risk.facts import Facts
from services.risk.policy import PolicyError, load_policy, policy_hash


def checked_policy(name: str, home: Home) -> Policy:
    """The policy called `name`, shipped or in the home. Raises SettingsError with its sentence."""
    try:
        return load_policy(name, [home.policies])
    except PolicyError as error:
        raise SettingsError(str(error)) from error


class PlanFacts:
    """Fresh facts for a plan: its symbols, and its own policy, which must not have changed."""

    def __init__(self, source: FactsSource, home: Home) -> None:
        self._source = source
        self._home = home

    def policy(self, name: str | None) -> Policy:
        """The policy called `name`; the desk's own when None. Raises PolicyError."""
        if name is None or name == self._source.policy.name:
            return self._source.policy
        return load_policy(name, [self._home.policies])

    async def __call__(self, plan: Plan) -> Facts:
        """Raises BrokerUnavailableError, or NotPossibleError when the policy changed since."""
        symbols = (step.symbol for step in plan.steps)
        return await self._source.fresh(symbols, self._in_force(plan))

    def at_hand(self, plan: Plan) -> Facts:
        """What is known without asking anybody. Raises NotPossibleError when the policy changed
        since, or nothing was read yet."""
        facts = self._source.at_hand(self._in_force(plan))
        if facts is None:
            raise NotPossibleError("The broker's account was not read yet: nothing can be checked.")
        return facts

    def _in_force(self, plan: Plan) -> Policy:
        try:
            policy = self.policy(plan.policy)
        except PolicyError as error:
            raise NotPossibleError(f"The policy {plan.policy} can't be used: {error}") from error
        if policy_hash(policy) != plan.policy_hash:
            raise NotPossibleError(
                f"The policy {plan.policy} changed since plan {plan.plan_id} was made: propose it "
                "again."
            )
        return policy
