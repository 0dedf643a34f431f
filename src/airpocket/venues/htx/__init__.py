"""HTX (formerly Huobi): liquidation orders of its futures and swaps."""
