"""One row for each rule of alpaca.md §3 and §5 to §9, driven over real HTTP and websockets."""
