"""What venues say: events, instruments, books, forced-flow bins, data quality."""
