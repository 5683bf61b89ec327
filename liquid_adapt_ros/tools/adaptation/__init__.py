"""Evaluation of the learning engine on recorded streams: `make adaptation`."""
