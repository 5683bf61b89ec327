"""Streaming inference, acceptance of new weights, and action limits. Never imports torch."""
