"""The benchmark: our networks and their peers side by side, in one process on one thread.

cli -> run (the sections in their order) -> steps, windows, peers (what is timed), timing (how)
-> accuracy, growth, machine, tracking_task, sequence_task (and its data: weather) -> design_tables
-> report (tables, report.md, report.json), figure.
"""
