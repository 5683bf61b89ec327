"""Where time and memory go: torch's operators, the engines of the robot, the running nodes."""
