"""The API: one file of routes per resource, and what all of them share."""
