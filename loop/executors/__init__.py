"""Where the work of a stage is done: in this process, or on the nodes of a Ray cluster."""
