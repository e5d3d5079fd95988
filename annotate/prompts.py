"""The prompt format: one question, one way of asking, the same for every model that is compared."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from pydantic import Field, model_validator

from ..datasets.config import Config
from ..datasets.errors import ModelError
from .steps import AnswerForm

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


SYSTEMS: dict[AnswerForm, str] = {
    "line": "Solve the problem step by step. Write each step on its own line as 'Step n: ...' "
    "and finish with a line 'Answer: ...'.",
    "boxed": "Solve the problem step by step. Write each step on its own line as 'Step n: ...' "
    "and put the final answer within \\boxed{} in the last line.",
}
"""System message that asks for each form of the answer."""


class Example(Config):
    """A problem with a solution as it is asked for."""

    question: str = Field(min_length=1)
    """The problem, as the user's turn."""
    solution: str = Field(min_length=1)
    """What the model answers, steps and answer in the asked format."""


class PromptFormat(Config):
    """How a question becomes the text that a model continues."""

    answer: AnswerForm = "line"
    """Form in which the final answer is asked for: `line` (`Answer: 42`) or `boxed` (`\\boxed{42}`)."""
    system: str = SYSTEMS["line"]
    """System message; one that asks for `answer` when left out, empty for none. A template may ignore it."""
    examples: tuple[Example, ...] = ()
    """Solved problems that come before the question, as turns of the conversation."""

    @model_validator(mode="before")
    @classmethod
    def _asks_for_the_answer(cls, given: Any) -> Any:
        if not isinstance(given, dict) or "system" in given:
            return cast(Any, given)
        fields = cast(dict[str, Any], given)
        form = fields.get("answer")
        return {**fields, "system": SYSTEMS[form]} if form in ("line", "boxed") else fields

    def render(self, tokenizer: PreTrainedTokenizerBase, question: str, prefix: str = "") -> str:
        """Return the plain text that asks `question`, up to and including `prefix`.

        The chat template opens the assistant's turn and the prefix is appended as text: a partial
        turn that goes through the template would be closed and a new one opened.

        Args:
            tokenizer: Tokenizer with a chat template.
            question: What is asked; it goes through the template as the user's message.
            prefix: Start of the answer, to be continued without a break.

        Raises:
            ModelError: If the tokenizer has no chat template.
        """
        template: Any = tokenizer  # its stubs leave most types open
        if not template.chat_template:
            raise ModelError(
                f"{template.name_or_path}: the tokenizer has no chat template",
                hint="Use an instruction-tuned model, or put a chat_template.jinja beside the tokenizer.",
            )
        messages = [{"role": "system", "content": self.system}] if self.system else []
        for example in self.examples:
            messages.append({"role": "user", "content": example.question})
            messages.append({"role": "assistant", "content": example.solution})
        messages.append({"role": "user", "content": question})
        opened: str = template.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
        return opened + prefix
