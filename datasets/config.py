"""The base of every configuration model."""

from typing import ClassVar

from pydantic import BaseModel, ConfigDict


class Config(BaseModel):
    """Strict and frozen: an unknown key is an error, and a configuration never changes once read."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    GUIDE: ClassVar[str] = "docs/configuration.md"
    """Where its fields are described."""
