"""The catalogue of checks, the policies and the verdict. Pure: facts in, findings out (spec 3)."""
