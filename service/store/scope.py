"""What an API key is good for."""

from enum import StrEnum


class Scope(StrEnum):
    """What a key is good for; each includes those before it."""

    READ = "read"
    JUDGE = "judge"
    ADMIN = "admin"
