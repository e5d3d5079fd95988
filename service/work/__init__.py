"""What workers do: jobs in turns, tasks on runs, and runs brought into the database."""
