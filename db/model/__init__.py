"""The nouns: frozen, storable values that every floor shares."""
