"""The shipped policies, data only."""
