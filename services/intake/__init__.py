"""One reader a format; what can't be used is refused with a sentence (spec 2)."""
