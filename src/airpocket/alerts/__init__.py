"""Saying so, in facts: facts, alerts, their text, and what is refused."""
