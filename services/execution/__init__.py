"""From an approved plan to orders at the broker: the only way there."""
