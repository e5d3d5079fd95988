"""Human review in Argilla."""
