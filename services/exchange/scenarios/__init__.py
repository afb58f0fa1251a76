"""Bad days on purpose: what goes wrong (faults), when (triggers), and scenarios made of both."""
