"""What is fast, measured: every figure beside a baseline of the same run, for the ratios are what lasts."""
