"""From problems to graded solutions: prompts, engines, step splitting, grading, comparing models."""
