"""Learning on the robot: window, hindsight labels, prequential score, window training."""
