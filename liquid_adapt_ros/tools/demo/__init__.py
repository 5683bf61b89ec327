"""The demo: the whole stack as processes, a recorder beside it, and a report at the end.

cli (arguments, runs) -> run (one run) -> stack_processes, recorder, live (while it runs)
-> recording -> score, belt_speed (from the recorded arrays) -> report, figure, summary.
"""
