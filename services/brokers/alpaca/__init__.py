"""Alpaca, paper and live, and every server that speaks its protocol (the simulated exchange)."""
