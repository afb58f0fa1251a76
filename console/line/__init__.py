"""The terminal at the end of a slow line: only cells that differ are sent, and never faster than it takes them."""
