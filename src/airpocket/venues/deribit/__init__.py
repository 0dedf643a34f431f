"""Deribit: public trades, flagged where the taker or the maker was liquidated."""
