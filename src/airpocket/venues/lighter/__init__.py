"""Lighter: its public trade channel, with liquidations beside the trades."""
