"""Where prices come from and how they stand: quotes, trades, bars, sessions' shapes. No I/O."""
