"""Prices, instruments and sectors."""
